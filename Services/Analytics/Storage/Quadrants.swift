import Foundation
import Postgres
import Tenancy
import Values

/// In which quadrant each customer is on a day.
struct Quadrants: Sendable {
    let database: TenantDatabase

    func answer(
        _ question: QuadrantQuestion, asOf: CalendarDate, _ tenant: Tenant
    ) async throws -> (ReportStatement.Standings, QuadrantThresholds) {
        let first = asOf.adding(days: 1 - question.windowDays)
        let currency = try Currency(code: tenant.currency)
        let facts = Facts(tenant, asOf: asOf)
        let rows = try await database.query(
            tenant.id,
            """
            \(facts.with)
            select a.id, count(o.id) filter (where o.ordered_on >= \(first)),
                coalesce(sum(o.amount) filter (where o.ordered_on >= \(first) and o.currency = \(tenant.currency)), 0)::text,
                count(o.id) > 0
            from \(facts["account_facts"]) a
            left join \(facts["order_facts"]) o on o.account_id = a.id and not o.deleted and o.status = 'placed'
                and o.ordered_on <= \(asOf)
            where not a.deleted group by a.id
            """)
        let customers = try rows.map { row in
            let sum = try Money(sum: row.get(2, as: String.self), currency: currency)
            return (
                id: try row.get(0, as: UUID.self), orders: Int(try row.get(1, as: Int64.self)), sum: sum.minorUnits,
                everBought: try row.get(3, as: Bool.self)
            )
        }
        let bounds = QuadrantThresholds(question, customers: customers.map { ($0.orders, $0.sum) })
        let standings = ReportStatement.Standings(
            accounts: customers.map(\.id),
            names: customers.map {
                Quadrant(orders: $0.orders, sum: $0.sum, everBought: $0.everBought, bounds).rawValue
            })
        return (standings, bounds)
    }
}
