import Contracts
import Entities
import EventLog
import JSON
import Postgres
import Tenancy

/// Keeps the copy of the directory's people that assignment needs.
struct DirectoryCopy: EventHandler {
    let types: Set<String> = [
        "user.created", "user.updated", "user.deleted", "user.restored", "user.deactivated", "user.reactivated",
    ]

    func apply(_ events: [CloudEvent], in tx: TenantTransaction) async throws {
        for event in events {
            guard let data = event.data else { continue }
            let user = try UserSnapshot(json: data["user"] ?? .null)
            let isActive = user.status == "active" && user.deletedAt == nil
            try await tx.execute(
                """
                insert into \(tx.schema).users (id, login, email, team_id, active)
                values (\(user.id), \(user.login), \(user.email), \(user.teamId), \(isActive))
                on conflict (id) do update set login = excluded.login, email = excluded.email,
                    team_id = excluded.team_id, active = excluded.active
                """)
        }
    }
}
