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
                LifecyclePolicy.select(schema),
            ], options: .read)
        var orders: [UUID: [UUID: CountedOrder]] = [:]
        for row in results[1] {
            let counted = CountedOrder(date: try row.get(2), minorUnits: try row.get(3))
            orders[try row.get(1), default: [:]][try row.get(0)] = counted
        }
        let accounts = try results[0].map { try resource.table.record($0) }
        return OrderLedger(
            orders: orders, accounts: Dictionary(accounts.map { ($0.id, $0) }) { $1 },
            thresholds: try LifecyclePolicy.read(results[2]).thresholds, currency: try Currency(code: tenant.currency),
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
    func change(of id: UUID, at now: Timestamp) -> Modification<Account>? {
        guard let old = accounts[id] else { return nil }
        let counted = orders[id].map { Array($0.values) } ?? []
        var new = old
        new.orderCount = Int64(counted.count)
        let value = counted.reduce(Int64(0)) { $0 + $1.minorUnits }
        new.orderValue = counted.isEmpty ? nil : Money(minorUnits: value, currency: currency)
        new.firstOrderDate = counted.map(\.date).min()
        new.lastOrderDate = counted.map(\.date).max()
        let summary = OrderSummary(dates: counted.map(\.date), value: value, asOf: today)
        var happening = Happening.updated
        if let change = LifecycleChange.decide(
            accountID: id, current: old.lifecycle, orders: summary, thresholds: thresholds, asOf: today)
        {
            new.lifecycle = change.to
            new.lifecycleSince = now
            happening = change.happening
        }
        return old == new ? nil : Modification(from: old, to: new, happening)
    }

    /// The day on which time alone will change the account.
    func nextCheck(of id: UUID) -> CalendarDate? {
        let dates = (orders[id]?.values).map { $0.map(\.date) } ?? []
        let summary = OrderSummary(dates: dates, value: accounts[id]?.orderValue?.minorUnits ?? 0, asOf: today)
        return LifecycleStanding(summary, thresholds, asOf: today).nextCheck
    }

    /// The statements that keep an account true to its orders.
    func statements(
        for ids: Set<UUID>, _ resource: Resource<Account>, _ context: WriteContext
    ) -> [SQL] {
        ids.sorted { $0.lowercased < $1.lowercased }.flatMap { id -> [SQL] in
            guard let modification = change(of: id, at: context.now) else { return [] }
            let check: SQL = """
                update \(schema: context.tenant).accounts set next_check = \(nextCheck(of: id)) where id = \(id)
                """
            return resource.prepare(modification, context).statements + [check]
        }
    }
}

extension LifecycleChange {
    var happening: Happening {
        var details = AccountLifecycleChanged()
        details.fromState = from.rawValue
        details.toState = to.rawValue
        details.reason = reason.text(language: "en")
        details.orders = Int64(orders)
        details.asOf = asOf
        details.nextCheck = nextCheck
        return Happening("lifecycle-changed", details: details.json.object ?? [:])
    }
}
