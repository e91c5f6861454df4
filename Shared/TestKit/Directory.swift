import Contracts
import Entities
import EventLog
import Foundation
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// A service's copy of the directory, told of things as the gateway's events tell it.
extension TenantDatabase {
    public func tell(_ part: DirectoryCopy.Part, _ id: UUID, _ state: JSON, of tenant: Tenant) async throws {
        let kind = part.rawValue
        let changes = EventCatalogue.all.filter { $0.aggregate == kind && $0.type.hasSuffix(".updated") }
        guard let type = changes.first?.type else { preconditionFailure("nothing tells of a change of \(kind)") }
        let event = CloudEvent(
            id: UUIDv7.make(), source: "/gateway", type: type, aggregateType: kind,
            aggregateID: id.lowercased, time: .now(), tenant: tenant.id, sequence: 1, data: [kind: state])
        try await write(tenant.id) { tx in try await DirectoryCopy([part]).apply([event], in: tx) }
    }

    /// A person, whose login is the name.
    public func hire(
        _ name: String, id: UUID = UUIDv7.make(), team: UUID? = nil, isActive: Bool = true, of tenant: Tenant
    ) async throws -> UUID {
        var user = UserSnapshot()
        (user.id, user.name, user.login, user.teamId) = (id, name, name.lowercased(), team)
        user.status = isActive ? "active" : "inactive"
        try await tell(.people, id, user.json, of: tenant)
        return id
    }

    /// A team.
    public func found(_ name: String, id: UUID = UUIDv7.make(), of tenant: Tenant) async throws -> UUID {
        var team = TeamSnapshot()
        (team.id, team.name) = (id, name)
        try await tell(.teams, id, team.json, of: tenant)
        return id
    }

    /// From now on who is not in the copies is nobody.
    public func fillCopies(_ parts: [DirectoryCopy.Part], of tenant: Tenant) async throws {
        try await write(tenant.id) { tx in
            for part in parts {
                try await tx.execute("insert into \(tx.schema).filled_copies (part) values (\(part.rawValue))")
            }
        }
    }
}
