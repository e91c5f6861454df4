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

/// The valid orders of some accounts, and what a change of orders makes of the accounts.
struct OrderLedger: Sendable {
    private var orders: [UUID: AccountOrders]
    private let accounts: [UUID: Account]
    private let thresholds: LifecycleThresholds
    /// Of the thresholds; 0 while the tenant has none of its own.
    private let policyVersion: Int64
    private let currency: Currency
    private let today: CalendarDate

    /// Loads the accounts with the figures of their valid orders and the tenant's thresholds in one flight.
    ///
    /// - Parameter moved: the stored orders that may be changed; no other may be.
    static func load(
        _ accountIDs: [UUID], moving moved: [UUID] = [], tenant: Tenant, accounts resource: Resource<Account>,
        now: Timestamp
    ) async throws -> OrderLedger {
        let schema = tenant.schema
        let today = now.date(in: tenant.zone)
        let results = try await resource.environment.database.flight(
            tenant.id,
            [
                "\(resource.table.select(schema)) where id = any(\(accountIDs)) and deleted_at is null",
                figures(of: accountIDs, except: moved, today: today, schema),
                """
                select account_id, id, ordered_on, amount_minor from \(schema).orders
                where id = any(\(moved)) and account_id = any(\(accountIDs)) and \(valid)
                """,
                LifecycleStore.select(schema),
            ], options: .read)
        var orders: [UUID: AccountOrders] = [:]
        for row in results[1] { orders[try row.get(0)] = AccountOrders(others: try others(row)) }
        for row in results[2] {
            let counted = CountedOrder(date: try row.get(2), minorUnits: try row.get(3))
            orders[try row.get(0), default: AccountOrders()][try row.get(1)] = counted
        }
        let accounts = try results[0].map { try resource.table.record($0) }
        let policy = try LifecycleStore.read(results[3])
        return OrderLedger(
            orders: orders, accounts: Dictionary(accounts.map { ($0.id, $0) }) { $1 },
            thresholds: policy?.thresholds ?? LifecycleThresholds(), policyVersion: policy?.version ?? 0,
            currency: try Currency(code: tenant.currency), today: today)
    }

    private static let valid: SQL = "status = 'placed' and deleted_at is null"

    /// Of each account's valid orders: read from an index alone, as there may be very many.
    private static func figures(
        of accounts: [UUID], except moved: [UUID], today: CalendarDate, _ schema: SchemaName
    ) -> SQL {
        """
        select account.id, f.number, f.due, f.value, f.first, f.last, f.next, l.last, l.previous
        from unnest(\(accounts)) as account(id) cross join lateral (
            select count(*) as number, count(*) filter (where ordered_on <= \(today)) as due,
                least(coalesce(sum(amount_minor), 0), \(Money.bound))::bigint as value,
                min(ordered_on) as first, max(ordered_on) as last, min(ordered_on) filter (where ordered_on > \(today)) as next
            from \(schema).orders o left join unnest(\(moved)) as moved(id) on moved.id = o.id
            where account_id = account.id and \(valid) and moved.id is null) f
        cross join lateral (
            select max(ordered_on) as last, case when count(*) = 2 then min(ordered_on) end as previous from (
                select ordered_on from \(schema).orders
                where account_id = account.id and \(valid) and ordered_on <= \(today) and id <> all(\(moved))
                order by ordered_on desc limit 2) latest) l
        """
    }

    private static func others(_ row: Row) throws -> AccountOrders.Others {
        let latest = [try row.get(7, as: CalendarDate?.self), try row.get(8, as: CalendarDate?.self)]
        return AccountOrders.Others(
            count: Int(try row.get(1, as: Int64.self)), countToday: Int(try row.get(2, as: Int64.self)),
            value: try row.get(3), first: try row.get(4), last: try row.get(5), latest: latest.compactMap(\.self),
            next: try row.get(6))
    }

    func account(_ id: UUID) -> Account? { accounts[id] }

    /// Puts an order as it is now in the place of what it was.
    mutating func apply(before: Order?, after: Order) {
        if let account = before?.accountID { orders[account]?[after.id] = nil }
        guard after.isValid, let account = after.accountID else { return }
        orders[account, default: AccountOrders()][after.id] = CountedOrder(
            date: after.orderedOn, minorUnits: after.amount.minorUnits)
    }

    /// The account as its orders make it, with its event; nil when they change nothing.
    func change(of id: UUID, at now: Timestamp, _ schema: SchemaName) -> Modification<Account>? {
        guard let old = accounts[id] else { return nil }
        let counted = orders[id] ?? AccountOrders()
        var new = old
        new.orderCount = Int64(counted.count)
        new.orderValue = counted.count == 0 ? nil : Money(minorUnits: counted.value, currency: currency)
        (new.firstOrderDate, new.lastOrderDate) = (counted.first, counted.last)
        let summary = counted.summary(asOf: today)
        var event = EventDraft.updated
        var statements: [SQL] = []
        if let change = LifecycleChange.decide(
            accountID: id, current: old.lifecycle, orders: summary, thresholds: thresholds, asOf: today)
        {
            new.lifecycle = change.to
            new.lifecycleSince = now
            event = change.draft
            statements = [LifecycleStore.insert(change, version: old.version + 1, at: now, schema)]
        }
        return old == new ? nil : Modification(from: old, to: new, event, statements: statements)
    }

    /// The day on which time alone will change the account.
    func nextCheck(of id: UUID) -> CalendarDate? {
        let counted = orders[id] ?? AccountOrders()
        let next = LifecycleStanding(counted.summary(asOf: today), thresholds, asOf: today).nextCheck
        return [next, counted.next(after: today)].compactMap(\.self).min()
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
    var draft: EventDraft {
        var details = AccountLifecycleChanged()
        details.fromState = from.rawValue
        details.toState = to.rawValue
        details.reason = reason.text(language: "en")
        (details.reasonCode, details.reasonNumber) = (reason.code, reason.number)
        details.orders = Int64(orders)
        details.asOf = asOf
        details.nextCheck = nextCheck
        return EventDraft("lifecycle-changed", details: details.json.object ?? [:])
    }
}
