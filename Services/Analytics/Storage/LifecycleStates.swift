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
        let kinds = try Self.kinds(facts, thresholds, asOf: asOf, tenant)
        let rows = try await database.query(
            tenant.id, "\(facts.with) select distinct kind, last from (\(kinds)) as k")
        var known: (kinds: [Int64], days: [CalendarDate], names: [String]) = ([], [], [])
        for row in rows {
            let (kind, last) = (try row.get(0, as: Int64.self), try row.get(1, as: CalendarDate.self))
            known.kinds.append(kind)
            known.days.append(last)
            known.names.append(
                LifecycleStanding(Self.orders(kind, last, thresholds), thresholds, asOf: asOf).state.rawValue)
        }
        return """
            select k.account_id, n.name from (\(kinds)) as k
            join unnest(\(known.kinds), \(known.days), \(known.names)) as n(kind, last, name)
                on n.kind = k.kind and n.last = k.last
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

    /// Each account with the day of its last order and a number for the rest that matters: how many orders, up to those
    /// that make stable; whether the last came after the silence of the lost; whether they are worth the threshold.
    private static func kinds(
        _ facts: Facts, _ thresholds: LifecycleThresholds, asOf: CalendarDate, _ tenant: Tenant
    ) throws -> SQL {
        let currency = try Currency(code: tenant.currency)
        let worth = thresholds.highValueFrom.map { Money(minorUnits: $0, currency: currency).amount }
        return """
            select id as account_id, coalesce(last, \(asOf)) as last,
                4 * least(number, \(Int64(thresholds.stableFromOrder)))
                    + case when last - previous >= \(Int32(thresholds.lostAfterDays)) then 2 else 0 end
                    + case when worth >= \(worth)::text::numeric then 1 else 0 end as kind
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

    /// Orders as those of a kind are, as far as it matters.
    private static func orders(_ kind: Int64, _ last: CalendarDate, _ thresholds: LifecycleThresholds) -> OrderSummary {
        let count = Int(kind / 4)
        let gap = kind & 2 == 0 ? 0 : thresholds.lostAfterDays
        return OrderSummary(
            count: count, last: count > 0 ? last : nil, previous: count > 1 ? last.adding(days: -gap) : nil,
            value: kind & 1 == 0 ? 0 : thresholds.highValueFrom ?? 0)
    }
}
