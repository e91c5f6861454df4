import Contracts
import EventLog
import Foundation
import JSON
import Postgres
import ServiceKit
import Tenancy
import Values

/// A tenant as operators see it: what it shall be, in every service.
struct TenantRecord: Sendable, Hashable {
    enum State: String, Sendable, Hashable {
        case provisioning, active, suspended, deleting
        /// From a backup; whoever makes it works on the databases themselves.
        case restoring
    }

    var description: TenantDescription
    /// The PostgreSQL server of its data; empty for the one that has the directory. What people log in with is always
    /// there.
    let server: String
    var state: State
    /// Whether every service has been told of the last change.
    var isSettled: Bool
    var version: Int64
    let createdAt: Timestamp
    var updatedAt: Timestamp

    var id: TenantID { description.id }

    static let columns: SQL = """
        id, slug, name, time_zone, currency, industry, settings, state, is_settled, version, created_at, updated_at, server
        """

    init(_ description: TenantDescription, state: State, server: String = "", at now: Timestamp) {
        self.description = description
        self.server = server
        self.state = state
        isSettled = false
        version = 1
        createdAt = now
        updatedAt = now
    }

    init(_ row: Row) throws {
        guard let id = TenantID(try row.get("id")), let state = State(rawValue: try row.get("state")) else {
            throw PostgresError.unexpected("shared.tenant_records holds a tenant of a later version of this program")
        }
        description = TenantDescription(
            id: id, slug: try row.get("slug"), name: try row.get("name"), timeZone: try row.get("time_zone"),
            currency: try row.get("currency"), industry: try row.get("industry"), settings: try row.get("settings"))
        self.state = state
        server = try row.get("server")
        isSettled = try row.get("is_settled")
        version = try row.get("version")
        createdAt = try row.get("created_at")
        updatedAt = try row.get("updated_at")
    }

    var json: JSON {
        [
            "id": id.json, "slug": description.slug.json, "name": description.name.json, "status": state.rawValue.json,
            "timeZone": description.timeZone.json, "currency": description.currency.json,
            "industry": description.industry.json, "server": server.isEmpty ? .null : server.json,
            "version": .int(version), "createdAt": createdAt.json,
            "updatedAt": updatedAt.json,
        ]
    }

    /// What the services are told.
    var message: TenantMessage {
        TenantMessage(description, status: state == .suspended ? .suspended : .active, server: server)
    }

    /// The event of the change that led to this version.
    func event(
        _ kind: EventKind<TenantSnapshot, NoDetails>, previous: JSONObject = [:], actor: String, traceparent: String?
    ) -> CloudEvent {
        var snapshot = TenantSnapshot()
        snapshot.id = id.text
        snapshot.version = version
        snapshot.slug = description.slug
        snapshot.name = description.name
        snapshot.status = state == .deleting ? "deleted" : state.rawValue
        snapshot.timeZone = description.timeZone
        snapshot.currency = description.currency
        snapshot.industry = description.industry
        snapshot.createdAt = createdAt
        snapshot.updatedAt = updatedAt
        return CloudEvent(
            id: UUIDv7.make(at: updatedAt), source: "/gateway", type: kind.type, aggregateType: "tenant",
            aggregateID: id.text, time: updatedAt, tenant: id, sequence: version, traceparent: traceparent,
            actor: actor, data: kind.data(of: snapshot, previous: previous))
    }
}
