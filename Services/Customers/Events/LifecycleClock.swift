import Foundation
import HTTP
import Postgres
import Resources
import ServiceKit
import Tenancy
import Values

/// Lets time change the lifecycle: looks for accounts whose day has come, in a tenant where a day has begun or which has
/// new thresholds.
struct LifecycleClock: Component {
    let name = "lifecycle clock"
    let accounts: Resource<Account>
    let logger: Logger
    /// Accounts made due in one transaction.
    var page = 1_000

    private static let batch = 100

    func run() async throws {
        let database = accounts.environment.database
        let pending = PendingWork(database, kind: "thresholds")
        // What the release before listens to.
        let former = PendingWork(database, kind: "lifecycle")
        // The day up to which each tenant has been looked through.
        var days: [TenantID: CalendarDate] = [:]
        while !Task.isCancelled {
            do {
                let told = Dictionary(try await pending.tenants().map { ($0.tenant.id, $0.since) }) { $1 }
                for tenant in database.directory.all where tenant.status == .active {
                    let today = Timestamp.now().date(in: tenant.zone)
                    let since = told[tenant.id]
                    guard since != nil || days[tenant.id] != today, await look(through: tenant, everybody: since != nil)
                    else { continue }
                    days[tenant.id] = today
                    guard let since else { continue }
                    try await pending.forget(tenant, until: since)
                    try await former.forget(tenant, until: since)
                }
            } catch let error where !(error is CancellationError) {
                logger.warning("the lifecycle waits for the next round: \(error)")
            }
            try await Task.sleep(for: .seconds(60))
        }
    }

    private func look(through tenant: Tenant, everybody: Bool) async -> Bool {
        do {
            try await pass(tenant, everybody: everybody)
            return true
        } catch {
            if !(error is CancellationError) {
                logger.warning("the lifecycle of \(tenant.id) waits for the next round: \(error)")
            }
            return false
        }
    }

    /// Looks at every account of a tenant that is due; answers how many changed.
    ///
    /// - Parameter everybody: whether all are, since the thresholds are others.
    @discardableResult
    func pass(
        _ tenant: Tenant, now: Timestamp = Timestamp.now().wholeMilliseconds, everybody: Bool = false
    ) async throws -> Int {
        let today = now.date(in: tenant.zone)
        if everybody { try await markAll(tenant, today) }
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

    /// Makes all accounts with orders due, some at a time: nobody who writes to one waits for long. Stopped in between, it
    /// is begun anew.
    private func markAll(_ tenant: Tenant, _ today: CalendarDate) async throws {
        var last = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        while true {
            let rows = try await accounts.environment.writer.commit(
                tenant.id,
                [
                    """
                    with page as materialized (
                        select id from \(tenant.schema).accounts
                        where id > \(last) and order_count > 0 and deleted_at is null
                        order by id limit \(page) for no key update),
                    marked as (
                        update \(tenant.schema).accounts account set next_check = \(today) from page
                        where account.id = page.id and account.next_check is distinct from \(today))
                    select id from page order by id desc limit 1
                    """
                ])[0]
            guard let row = rows.first else { return }
            last = try row.get(0)
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
