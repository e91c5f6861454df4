import Contracts
import Entities
import EventLog
import JSON
import Postgres
import Tenancy

/// Keeps the copy of the directory: people with their teams, the tree of teams, business lines.
struct DirectoryCopy: EventHandler {
    let types: Set<String> = Set(
        EventCatalogue.all.filter { ["user", "team", "businessLine"].contains($0.aggregate) }.map(\.type))

    func apply(_ events: [CloudEvent], in tx: TenantTransaction) async throws {
        for event in events {
            guard let data = event.data, let kind = EventCatalogue[type: event.type]?.aggregate,
                let statement = try Self.statement(kind, data[kind] ?? .null, tx.schema)
            else { continue }
            try await tx.execute(statement)
        }
    }

    private static func statement(_ kind: String, _ state: JSON, _ schema: SchemaName) throws -> SQL? {
        switch kind {
        case "user":
            let user = try UserSnapshot(json: state)
            return """
                insert into \(schema).users (id, name, login, email, team_id, active)
                values (\(user.id), \(user.name), \(user.login), \(user.email), \(user.teamId),
                    \(user.status == "active" && user.deletedAt == nil))
                on conflict (id) do update set name = excluded.name, login = excluded.login, email = excluded.email,
                    team_id = excluded.team_id, active = excluded.active
                """
        case "team":
            let team = try TeamSnapshot(json: state)
            return """
                insert into \(schema).teams (id, name, parent_id, active)
                values (\(team.id), \(team.name), \(team.parentId), \(team.deletedAt == nil))
                on conflict (id) do update set name = excluded.name, parent_id = excluded.parent_id,
                    active = excluded.active
                """
        case "businessLine":
            let line = try BusinessLineSnapshot(json: state)
            return """
                insert into \(schema).business_lines (id, name, active)
                values (\(line.id), \(line.name), \(line.deletedAt == nil))
                on conflict (id) do update set name = excluded.name, active = excluded.active
                """
        default: return nil
        }
    }
}
