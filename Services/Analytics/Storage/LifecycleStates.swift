import Contracts
import Foundation
import Postgres
import Tenancy
import Values

/// Where each customer stood in the lifecycle on a day: a function of his orders up to it and of thresholds.
///
/// The database tells the customers apart by what the function asks, however many they are, and the function says once for
/// each of those kinds what they are.
struct LifecycleStates: Sendable {
    let database: TenantDatabase

    /// A relation of every account with the name of its state.
    ///
    /// - Parameter given: by the question; the tenant's own stand for the others.
    func relation(_ given: GivenThresholds, asOf: CalendarDate, _ tenant: Tenant) async throws -> SQL {
        let thresholds = try await thresholds(given, tenant)
        let facts = Facts(tenant, asOf: asOf)
        let customers = try Self.customers(facts, thresholds, asOf: asOf, tenant)
        let kinds = try await database.query(
            tenant.id,
            "\(facts.with) select distinct last, orders, was_lost, is_high_value from (\(customers)) as c"
        ).map { try Kind($0) }
        let names = kinds.map { LifecycleStanding($0.summary(thresholds), thresholds, asOf: asOf).state.rawValue }
        return """
            select c.account_id, k.name from (\(customers)) as c
            join unnest(\(kinds.map(\.last)), \(kinds.map(\.orders)), \(kinds.map(\.wasLost)),
                \(kinds.map(\.isHighValue)), \(names)) as k(last, orders, was_lost, is_high_value, name)
                using (last, orders, was_lost, is_high_value)
            """
    }

    /// The tenant's thresholds, with those of the question over them.
    func thresholds(_ given: GivenThresholds, _ tenant: Tenant) async throws -> LifecycleThresholds {
        let rows = try await database.query(tenant.id, Self.policy(tenant.schema))
        return try given.over(try Self.thresholds(rows, try Currency(code: tenant.currency)))
    }

    private static func policy(_ schema: SchemaName) -> SQL {
        """
        select stable_from_order, at_risk_after_days, lost_after_days, high_value_from::text
        from \(schema).lifecycle_policies limit 1
        """
    }

    private static func thresholds(_ rows: Rows, _ currency: Currency) throws -> LifecycleThresholds {
        guard let row = rows.first else { return LifecycleThresholds() }
        let value = try row.get(3, as: String?.self).map { try Money(amount: $0, currency: currency) }
        return LifecycleThresholds(
            stableFromOrder: Int(try row.get(0, as: Int32.self)), atRiskAfterDays: Int(try row.get(1, as: Int32.self)),
            lostAfterDays: Int(try row.get(2, as: Int32.self)), highValueFrom: value?.minorUnits)
    }

    /// Each account with what the function asks of its orders, see ``Kind``.
    private static func customers(
        _ facts: Facts, _ thresholds: LifecycleThresholds, asOf: CalendarDate, _ tenant: Tenant
    ) throws -> SQL {
        let currency = try Currency(code: tenant.currency)
        let worth = thresholds.highValueFrom.map { Money(minorUnits: $0, currency: currency).amount }
        return """
            select id as account_id, coalesce(last, \(asOf)) as last,
                least(number, \(Int64(thresholds.stableFromOrder))) as orders,
                coalesce(last - previous >= \(Int32(thresholds.lostAfterDays)), false) as was_lost,
                coalesce(worth >= \(worth)::text::numeric, false) as is_high_value
            from (
                select a.id, count(o.ordered_on) as number, max(o.ordered_on) filter (where o.place = 1) as last,
                    max(o.ordered_on) filter (where o.place = 2) as previous,
                    coalesce(sum(o.amount) filter (where o.currency = \(tenant.currency)), 0) as worth
                from \(facts["account_facts"]) a left join (
                    select account_id, ordered_on, amount, currency,
                        row_number() over (partition by account_id order by ordered_on desc) as place
                    from \(facts["order_facts"]) as f
                    where not deleted and status = 'placed' and ordered_on <= \(asOf)) o on o.account_id = a.id
                where not a.deleted group by a.id) as customer
            """
    }
}

/// What the lifecycle asks of a customer's orders.
private struct Kind: Sendable {
    /// The day of the last one; today without any.
    let last: CalendarDate
    /// How many, up to those that make stable.
    let orders: Int64
    /// Whether the last one came after the silence of the lost.
    let wasLost: Bool
    /// Whether they are worth the threshold.
    let isHighValue: Bool

    init(_ row: Row) throws {
        (last, orders) = (try row.get(0), try row.get(1))
        (wasLost, isHighValue) = (try row.get(2), try row.get(3))
    }

    /// Orders as those of the kind are, as far as it matters.
    func summary(_ thresholds: LifecycleThresholds) -> OrderSummary {
        OrderSummary(
            count: Int(orders), last: orders > 0 ? last : nil,
            previous: orders > 1 ? last.adding(days: wasLost ? -thresholds.lostAfterDays : 0) : nil,
            value: isHighValue ? thresholds.highValueFrom ?? 0 : 0)
    }
}
