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

    private static let batch = 100

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
            changed += try await look(at: due, tenant, context)
        }
    }

    /// Looks at accounts together; where one of them changed meanwhile, at each alone.
    private func look(at due: [UUID], _ tenant: Tenant, _ context: WriteContext) async throws -> Int {
        let ledger = try await OrderLedger.load(due, tenant: tenant, accounts: accounts, now: context.now)
        let changes = due.count { ledger.change(of: $0, at: context.now, tenant.schema) != nil }
        do {
            try await accounts.environment.writer.commit(
                tenant.id, ledger.statements(for: due, accounts, context))
            return changes
        } catch let error as PostgresError where error.sqlState == WriteState.stale {
            // An order came in meanwhile and decided itself; the account is due again if it is.
            guard due.count > 1 else { return 0 }
            var changed = 0
            for id in due { changed += try await look(at: [id], tenant, context) }
            return changed
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
