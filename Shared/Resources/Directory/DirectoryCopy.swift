import Contracts
import Entities
import EventLog
import JSON
import Postgres
import Tenancy

/// A service's copy of the directory, kept from the gateway's events: who is who, for owners, teams and names.
///
/// Its tables are the tenant's `users`, `teams`, `business_lines` and, of what opportunities tells, `products`, of which a
/// service has those that it keeps. Records stay with the team they were given to when their owner goes to another: whose
/// they were is a fact, and handing over is a decision of somebody.
public struct DirectoryCopy: EventHandler {
    /// Something that the directory knows and a service may keep, as events call it.
    public enum Part: String, Sendable, Hashable, CaseIterable {
        case people = "user"
        case teams = "team"
        case businessLines = "businessLine"
        case products = "product"

        var table: String {
            switch self {
            case .people: "users"
            case .teams: "teams"
            case .businessLines: "business_lines"
            case .products: "products"
            }
        }

        /// The service that has it, and tells of it.
        var owner: Topic { self == .products ? .opportunities : .gateway }
    }

    public let types: Set<String>
    /// Where they are told.
    let topics: [Topic]

    public init(_ parts: Set<Part>) {
        let aggregates = Set(parts.map(\.rawValue))
        topics = Set(parts.map(\.owner)).sorted { $0.rawValue < $1.rawValue }
        types = Set(EventCatalogue.all.filter { aggregates.contains($0.aggregate) }.map(\.type))
    }

    public func apply(_ events: [CloudEvent], in tx: TenantTransaction) async throws {
        for event in events {
            guard let data = event.data, let kind = EventCatalogue[type: event.type]?.aggregate,
                let part = Part(rawValue: kind)
            else { continue }
            try await tx.execute(Self.statement(part, data[kind] ?? .null, tx.schema))
        }
    }

    private static func statement(_ part: Part, _ state: JSON, _ schema: SchemaName) throws -> SQL {
        switch part {
        case .people:
            let user = try UserSnapshot(json: state)
            return """
                insert into \(schema).users (id, name, login, email, team_id, active)
                values (\(user.id), \(user.name), \(user.login), \(user.email), \(user.teamId),
                    \(user.status == "active" && user.deletedAt == nil))
                on conflict (id) do update set name = excluded.name, login = excluded.login, email = excluded.email,
                    team_id = excluded.team_id, active = excluded.active
                """
        case .teams:
            let team = try TeamSnapshot(json: state)
            return """
                insert into \(schema).teams (id, name, parent_id, active)
                values (\(team.id), \(team.name), \(team.parentId), \(team.deletedAt == nil))
                on conflict (id) do update set name = excluded.name, parent_id = excluded.parent_id,
                    active = excluded.active
                """
        case .businessLines:
            let line = try BusinessLineSnapshot(json: state)
            return """
                insert into \(schema).business_lines (id, name, active)
                values (\(line.id), \(line.name), \(line.deletedAt == nil))
                on conflict (id) do update set name = excluded.name, active = excluded.active
                """
        case .products:
            let product = try ProductSnapshot(json: state)
            return """
                insert into \(schema).products (id, name, active)
                values (\(product.id), \(product.name), \(product.deletedAt == nil))
                on conflict (id) do update set name = excluded.name, active = excluded.active
                """
        }
    }
}
