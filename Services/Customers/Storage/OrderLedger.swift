import Contracts
import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// A valid order as the lifecycle counts it.
struct CountedOrder: Sendable {
    let date: CalendarDate
    let minorUnits: Int64
}

/// The valid orders of some accounts, and what a change of orders makes of the accounts.
struct OrderLedger: Sendable {
    private var orders: [UUID: [UUID: CountedOrder]] = [:]
    private let accounts: [UUID: Account]
    private let thresholds: LifecycleThresholds
    /// Of the thresholds; 0 while the tenant has none of its own.
    private let policyVersion: Int64
    private let currency: Currency
    private let today: CalendarDate

    /// Loads the accounts with their valid orders and the tenant's thresholds in one flight.
    static func load(
        _ accountIDs: [UUID], tenant: Tenant, accounts resource: Resource<Account>, now: Timestamp
    ) async throws -> OrderLedger {
        let schema = tenant.schema
        let results = try await resource.environment.database.flight(
            tenant.id,
            [
                "\(resource.table.select(schema)) where id = any(\(accountIDs)) and deleted_at is null",
                """
                select id, account_id, ordered_on, amount_minor from \(schema).orders
                where account_id = any(\(accountIDs)) and status = 'placed' and deleted_at is null
                """,
                LifecycleStore.select(schema),
            ], options: .read)
        var orders: [UUID: [UUID: CountedOrder]] = [:]
        for row in results[1] {
            let counted = CountedOrder(date: try row.get(2), minorUnits: try row.get(3))
            orders[try row.get(1), default: [:]][try row.get(0)] = counted
        }
        let accounts = try results[0].map { try resource.table.record($0) }
        let policy = try LifecycleStore.read(results[2])
        return OrderLedger(
            orders: orders, accounts: Dictionary(accounts.map { ($0.id, $0) }) { $1 },
            thresholds: policy?.thresholds ?? LifecycleThresholds(), policyVersion: policy?.version ?? 0,
            currency: try Currency(code: tenant.currency),
            today: now.date(in: tenant.zone))
    }

    func account(_ id: UUID) -> Account? { accounts[id] }

    /// Puts an order as it is now in the place of what it was.
    mutating func apply(before: Order?, after: Order) {
        if let account = before?.accountID { orders[account]?[after.id] = nil }
        guard after.isValid, let account = after.accountID else { return }
        orders[account, default: [:]][after.id] = CountedOrder(
            date: after.orderedOn, minorUnits: after.amount.minorUnits)
    }

    /// The account as its orders make it, with its event; nil when they change nothing.
    func change(of id: UUID, at now: Timestamp, _ schema: SchemaName) -> Modification<Account>? {
        guard let old = accounts[id] else { return nil }
        let counted = orders[id].map { Array($0.values) } ?? []
        var new = old
        new.orderCount = Int64(counted.count)
        // As much as an amount can tell: more money nobody has.
        let value = min(counted.sum(\.minorUnits), Money.bound)
        new.orderValue = counted.isEmpty ? nil : Money(minorUnits: value, currency: currency)
        new.firstOrderDate = counted.map(\.date).min()
        new.lastOrderDate = counted.map(\.date).max()
        let summary = OrderSummary(dates: counted.map(\.date), value: value, asOf: today)
        var happening = Happening.updated
        var statements: [SQL] = []
        if let change = LifecycleChange.decide(
            accountID: id, current: old.lifecycle, orders: summary, thresholds: thresholds, asOf: today)
        {
            new.lifecycle = change.to
            new.lifecycleSince = now
            happening = change.happening
            statements = [LifecycleStore.insert(change, version: old.version + 1, at: now, schema)]
        }
        return old == new ? nil : Modification(from: old, to: new, happening, statements: statements)
    }

    /// The day on which time alone will change the account.
    func nextCheck(of id: UUID) -> CalendarDate? {
        let dates = (orders[id]?.values).map { $0.map(\.date) } ?? []
        let summary = OrderSummary(dates: dates, value: accounts[id]?.orderValue?.minorUnits ?? 0, asOf: today)
        let next = LifecycleStanding(summary, thresholds, asOf: today).nextCheck
        // Another system's day may be ahead of ours: such an order counts from its day on.
        return [next, dates.filter { $0 > today }.min()].compactMap(\.self).min()
    }

    /// The statements that keep accounts true to their orders and the day.
    func statements(
        for ids: some Collection<UUID>, _ resource: Resource<Account>, _ context: WriteContext
    ) -> [SQL] {
        let schema = SchemaName(context.tenant)
        let statements = ids.sorted { $0.lowercased < $1.lowercased }.flatMap { id -> [SQL] in
            guard let account = accounts[id] else { return [] }
            let modification = change(of: id, at: context.now, schema)
            // Where the account stays as it is, nothing guards its version yet: who changed it meanwhile set the day.
            let version = account.version + (modification == nil ? 0 : 1)
            let check: SQL = """
                update \(schema).accounts set next_check = \(nextCheck(of: id)) where id = \(id) and version = \(version)
                """
            return (modification.map { resource.prepare($0, context).statements } ?? []) + [check]
        }
        return statements.isEmpty ? [] : statements + [unchangedPolicy(schema)]
    }

    /// After the accounts' rows are locked: the clock looks at all accounts after thresholds from here on, and finds
    /// these changes.
    private func unchangedPolicy(_ schema: SchemaName) -> SQL {
        """
        select shared.require_rows(
            coalesce((select version from \(schema).lifecycle_policy), 0), \(policyVersion))
        """
    }
}

extension LifecycleChange {
    var happening: Happening {
        var details = AccountLifecycleChanged()
        details.fromState = from.rawValue
        details.toState = to.rawValue
        details.reason = reason.text(language: "en")
        (details.reasonCode, details.reasonNumber) = (reason.code, reason.number)
        details.orders = Int64(orders)
        details.asOf = asOf
        details.nextCheck = nextCheck
        return Happening("lifecycle-changed", details: details.json.object ?? [:])
    }
}
