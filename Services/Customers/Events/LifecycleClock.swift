import Foundation
import HTTP
import Postgres
import Resources
import ServiceKit
import Tenancy
import Values

/// Lets time change the lifecycle: looks each minute for accounts whose day has come.
struct LifecycleClock: Component {
    let name = "lifecycle clock"
    let accounts: Resource<Account>
    let logger: Logger

    private static let batch = 500

    func run() async throws {
        while !Task.isCancelled {
            for tenant in accounts.environment.database.directory.all where tenant.status == .active {
                do {
                    try await pass(tenant)
                } catch let error where !(error is CancellationError) {
                    logger.warning("the lifecycle of \(tenant.id) waits for the next round: \(error)")
                }
            }
            try await Task.sleep(for: .seconds(60))
        }
    }

    /// Looks at every account of a tenant that is due; answers how many changed.
    @discardableResult
    func pass(_ tenant: Tenant, now: Timestamp = Timestamp.now().wholeMilliseconds) async throws -> Int {
        let today = now.date(in: tenant.zone)
        let context = WriteContext(tenant: tenant.id, principal: .system(tenant.id), now: now)
        var changed = 0
        while true {
            let due = try await accounts.environment.database.query(
                tenant.id,
                """
                select id from \(tenant.schema).accounts
                where next_check <= \(today) and deleted_at is null order by next_check limit \(Self.batch)
                """
            ).map { try $0.get(0, as: UUID.self) }
            if due.isEmpty { return changed }
            let ledger = try await OrderLedger.load(due, tenant: tenant, accounts: accounts, now: now)
            for id in due {
                let checked: SQL = """
                    update \(tenant.schema).accounts set next_check = \(ledger.nextCheck(of: id)) where id = \(id)
                    """
                let modification = ledger.change(of: id, at: now)
                let statements = modification.map { accounts.prepare($0, context).statements } ?? []
                do {
                    try await accounts.environment.writer.commit(tenant.id, statements + [checked])
                    if !statements.isEmpty { changed += 1 }
                } catch let error as PostgresError where error.sqlState == WriteState.stale {
                    // An order came in meanwhile and decided itself.
                    continue
                }
            }
        }
    }
}

extension Principal {
    /// Acts that nobody asked for: the passing of time.
    static func system(_ tenant: TenantID) -> Principal {
        Principal(
            tenant: tenant, subject: "customers", kind: .service, role: "system", permissions: [], visibility: .all)
    }
}
