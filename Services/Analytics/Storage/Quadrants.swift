import Foundation
import Postgres
import Tenancy
import Values

/// In which quadrant each customer is on a day.
struct Quadrants: Sendable {
    let database: TenantDatabase

    /// A relation of every account with the name of its quadrant, and the bounds that were used.
    func relation(
        _ question: QuadrantQuestion, asOf: CalendarDate, _ tenant: Tenant
    ) async throws -> (SQL, QuadrantThresholds) {
        let currency = try Currency(code: tenant.currency)
        let facts = Facts(tenant, asOf: asOf)
        let customers = Self.customers(facts, asOf.adding(days: 1 - question.windowDays), asOf: asOf, tenant)
        let row = try await database.query(
            tenant.id,
            """
            \(facts.with) select count(*) filter (where orders > 0), coalesce(sum(orders), 0)::bigint, coalesce(sum(worth), 0)::text
            from (\(customers)) as c
            """
        ).single()
        let sum = try Money(sum: row.get(2, as: String.self), currency: currency)
        let bounds = QuadrantThresholds(
            question, buyers: Int(try row.get(0, as: Int64.self)), orders: Int(try row.get(1, as: Int64.self)),
            sum: sum.minorUnits)
        return (Self.named(customers, bounds, currency), bounds)
    }

    /// The names of what customers can be, as the rule gives them, for the database to choose from.
    private static func named(_ customers: SQL, _ bounds: QuadrantThresholds, _ currency: Currency) -> SQL {
        func name(many: Bool, large: Bool) -> String {
            let orders = many ? bounds.ordersFrom : 1
            let (sum, isOver) = bounds.averageFrom.multipliedReportingOverflow(by: Int64(orders))
            return Quadrant(orders: orders, sum: large ? (isOver ? .max : sum) : 0, everBought: true, bounds).rawValue
        }
        func none(everBought: Bool) -> String {
            Quadrant(orders: 0, sum: 0, everBought: everBought, bounds).rawValue
        }
        let average = Money(minorUnits: bounds.averageFrom, currency: currency).amount
        return """
            select account_id, case
                when orders = 0 then case when ever then \(none(everBought: true)) else \(none(everBought: false)) end
                when orders >= \(Int64(bounds.ordersFrom)) and worth >= orders * \(average)::text::numeric
                    then \(name(many: true, large: true))
                when orders >= \(Int64(bounds.ordersFrom)) then \(name(many: true, large: false))
                when worth >= orders * \(average)::text::numeric then \(name(many: false, large: true))
                else \(name(many: false, large: false)) end as name
            from (\(customers)) as c
            """
    }

    /// Each account with its orders in the window, what they are worth, and whether it ever bought.
    private static func customers(
        _ facts: Facts, _ first: CalendarDate, asOf: CalendarDate, _ tenant: Tenant
    ) -> SQL {
        """
        select a.id as account_id, count(o.id) filter (where o.ordered_on >= \(first)) as orders,
            coalesce(sum(o.amount) filter (where o.ordered_on >= \(first) and o.currency = \(tenant.currency)), 0) as worth,
            count(o.id) > 0 as ever
        from \(facts["account_facts"]) a
        left join \(facts["order_facts"]) o on o.account_id = a.id and not o.deleted and o.status = 'placed'
            and o.ordered_on <= \(asOf)
        where not a.deleted group by a.id
        """
    }
}
