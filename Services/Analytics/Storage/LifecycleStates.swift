import Contracts
import Foundation
import Postgres
import Tenancy
import Values

/// Where each customer stood in the lifecycle on a day: a function of his orders up to it and of thresholds.
struct LifecycleStates: Sendable {
    let database: TenantDatabase

    /// The accounts with their states.
    ///
    /// - Parameter given: by the question; the tenant's own stand for the others.
    func answer(
        _ given: GivenThresholds, asOf: CalendarDate, _ tenant: Tenant
    ) async throws -> (accounts: [UUID], states: [String]) {
        let results = try await database.flight(
            tenant.id, [Self.policy(tenant.schema), Self.orders(tenant, asOf: asOf)], options: .read)
        let currency = try Currency(code: tenant.currency)
        let thresholds = try given.over(try Self.thresholds(results[0], currency))
        var result: (accounts: [UUID], states: [String]) = ([], [])
        for row in results[1] {
            let value = try Money(sum: row.get(4, as: String.self), currency: currency)
            let orders = OrderSummary(
                count: Int(try row.get(1, as: Int64.self)), last: try row.get(2, as: CalendarDate?.self),
                previous: try row.get(3, as: CalendarDate?.self), value: value.minorUnits)
            result.accounts.append(try row.get(0))
            result.states.append(LifecycleStanding(orders, thresholds, asOf: asOf).state.rawValue)
        }
        return result
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

    private static func orders(_ tenant: Tenant, asOf: CalendarDate) -> SQL {
        let facts = Facts(tenant, asOf: asOf)
        return """
            \(facts.with)
            select a.id, count(o.ordered_on), max(o.ordered_on) filter (where o.place = 1) as last,
                max(o.ordered_on) filter (where o.place = 2) as previous,
                coalesce(sum(o.amount) filter (where o.currency = \(tenant.currency)), 0)::text as value
            from \(facts["account_facts"]) a left join (
                select account_id, ordered_on, amount, currency,
                    row_number() over (partition by account_id order by ordered_on desc) as place
                from \(facts["order_facts"]) as f
                where not deleted and status = 'placed' and ordered_on <= \(asOf)) o on o.account_id = a.id
            where not a.deleted group by a.id
            """
    }
}
