import Contracts
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Runtime
import Tenancy
import TestKit
import Values

@testable import Analytics

/// A database of the service with a tenant, fed with events as its consumer would.
struct AnalyticsFixture: Sendable {
    let database: TenantDatabase
    let tenant: Tenant

    static func with(_ body: @escaping @Sendable (AnalyticsFixture) async throws -> Void) async throws {
        let server = try await TestPostgres.shared()
        let name = server.freshName()
        let group = EventLoopGroup(count: 1, name: "analytics")
        let sets = try Backbone.migrations(with: try AnalyticsService.migrations())
        try await Bootstrap(superuser: server.superuser, loginPassword: nil, group: group)
            .prepare(database: name, sets: sets)
        let postgres = PostgresDatabase(
            group: group, configuration: server.superuser.with(database: name, login: "none"))
        let database = TenantDatabase(database: postgres)
        let outcome: Result<Void, any Error>
        do {
            let tenant = try await TenantProvisioner(database, sets: sets).provision(
                TenantDescription(slug: "unit", name: "unit", timeZone: "Asia/Shanghai", currency: "USD"))
            outcome = .success(try await body(AnalyticsFixture(database: database, tenant: tenant)))
        } catch {
            outcome = .failure(error)
        }
        await postgres.close()
        await group.shutdown()
        try await server.administer(SQL(raw: "drop database \(name) with (force)"))
        try outcome.get()
    }

    /// Applies events in one batch, as the consumer does: with the tenant's role within the consumer's transaction.
    func apply(_ events: [CloudEvent]) async throws {
        try await database.consume { tx in try await Projector().apply(events, in: tx.tenant(tenant)) }
    }

    /// - Parameter previous: the old values of what changed.
    func event<State: Snapshot, Details>(
        _ kind: EventKind<State, Details>, _ state: State, previous: JSONObject = [:], at time: Timestamp = .now()
    ) -> CloudEvent {
        CloudEvent(
            id: UUIDv7.make(), source: "/test", type: kind.type, aggregateType: kind.definition.aggregate,
            aggregateID: state.id.lowercased, time: time, tenant: tenant.id, sequence: state.version,
            data: kind.data(of: state, previous: previous))
    }

    func principal(_ visibility: Principal.Visibility = .all, teams: [UUID] = []) -> Principal {
        Principal(
            tenant: tenant.id, subject: UUIDv7.make().lowercased, kind: .user, role: "admin", permissions: [],
            visibility: visibility, teamIDs: teams)
    }

    func report(
        _ subject: Subject, _ query: String, by principal: Principal? = nil, in language: Language = .english
    ) async throws -> JSON {
        try await Reports(database: database).answer(
            try ReportQuery(subject, try Query(parsing: query), currency: .usd), tenant: tenant,
            principal: principal ?? self.principal(), language: language)
    }

    /// How many records a link of a report's own names.
    func count(_ link: String, by principal: Principal? = nil) async throws -> Int64? {
        let parts = link.split(separator: "?")
        let words = parts[0].split(separator: "/")
        guard words.last == "records", let subject = Subject(rawValue: String(words[2])) else { return nil }
        let parameters = try Query(parsing: String(parts[1]))
        let query = try ReportQuery(subject, parameters, currency: .usd)
        let group = try ReportGroup(query.dimensions, parameters)
        var (total, cursor): (Int64, UUID?) = (0, nil)
        var counted: Int64?
        repeat {
            let page = try await Reports(database: database).records(
                query, try parameters.required("figure"), group, after: cursor, limit: 2, isCounted: true,
                tenant: tenant, principal: principal ?? self.principal())
            total += Int64(page["items"]?.array?.count ?? 0)
            counted = page["count"]?.int
            cursor = page["nextCursor"]?.string.flatMap { UUID(uuidString: $0) }
        } while cursor != nil
        return counted == total ? total : nil
    }
}

extension JSON {
    /// The members of the report's group with this key.
    func group(_ key: String?) -> JSON? {
        self["groups"]?.array?.first { $0["key"]?.string == key }
    }
}
