import Contracts
import Foundation
import HTTP
import Postgres
import Resources
import Tenancy
import Values

extension Directory {
    /// The targets of a tenant in its currency, with the tree of teams and who is in which.
    func goals(_ tenant: Tenant) async throws -> Goals {
        let schema = tenant.schema
        let results = try await database.flight(
            tenant.id,
            [
                """
                select period, amount_minor, owner_id, team_id, business_line_id from \(schema).targets
                where deleted_at is null and amount_currency = \(tenant.currency)
                """,
                "select id, parent_id from \(schema).teams where active and parent_id is not null",
                "select id, team_id from \(schema).users where team_id is not null",
            ], options: .read)
        let goals = try results[0].compactMap { row -> Goal? in
            guard let period = PeriodKey(try row.get(0, as: String.self)) else { return nil }
            return Goal(
                period: period, amount: try row.get(1), owner: try row.get(2), team: try row.get(3),
                businessLine: try row.get(4))
        }
        return Goals(goals, parents: try Self.pairs(results[1]), teamOf: try Self.pairs(results[2]))
    }

    private static func pairs(_ rows: Rows) throws -> [UUID: UUID] {
        var pairs: [UUID: UUID] = [:]
        for row in rows { pairs[try row.get(0)] = try row.get(1, as: UUID.self) }
        return pairs
    }

    /// What people call the members of a grouping.
    func names(_ grouping: ForecastQuestion.Grouping, _ tenant: TenantID) async throws -> [UUID: String] {
        var names: [UUID: String] = [:]
        let rows = try await database.query(
            tenant, "select id, name from \(schema: tenant).\(ident: grouping.directoryTable)")
        for row in rows { names[try row.get(0)] = try row.get(1, as: String.self) }
        return names
    }
}
