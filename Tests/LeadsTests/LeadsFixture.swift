import Contracts
import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Runtime
import Tenancy
import TestKit
import Testing
import Values

@testable import Leads

/// The leads service on a real database with one tenant, without HTTP.
struct LeadsFixture: Sendable {
    let tenant: Tenant
    let environment: ResourceEnvironment
    let policies: Policies
    let leads: Resource<Lead>

    /// - Parameter patience: so long people are waited for whom the copy of the directory does not know.
    static func with(
        patience: Duration = .zero, _ body: @escaping @Sendable (LeadsFixture) async throws -> Void
    ) async throws {
        let server = try await TestPostgres.shared()
        let name = server.freshName()
        let group = EventLoopGroup(count: 1, name: "leads")
        let sets = try Backbone.migrations(with: LeadsService.migrations())
        try await Bootstrap(superuser: server.superuser, loginPassword: nil, group: group)
            .prepare(database: name, sets: sets)
        let database = TenantDatabase(
            database: PostgresDatabase(
                group: group, configuration: server.superuser.with(database: name, login: "none")))
        let tenant = try await TenantProvisioner(database, sets: sets).provision(
            TenantDescription(slug: "school", name: "School", timeZone: "UTC"))
        let environment = ResourceEnvironment(
            writer: Writer(database: database, committed: {}), cursors: Cursors(secret: "test"), source: "/leads",
            directory: Directory(
                database, keeping: [.people, .teams, .businessLines], filling: [.teams, .businessLines],
                patience: patience))
        let policies = Policies(environment: environment, committed: {})
        let fixture = LeadsFixture(
            tenant: tenant, environment: environment, policies: policies,
            leads: LeadStore(environment: environment, policies: policies).resource)
        try await withTaskExecutorPreference(group.next()) { try await body(fixture) }
        await database.database.close()
        await group.shutdown()
    }

    /// An administrator's write.
    var context: WriteContext {
        WriteContext(tenant: tenant.id, principal: administrator)
    }

    /// The answer's status and body.
    func create(_ body: JSON) async throws -> (status: HTTPStatus, body: JSON) {
        try read(try await leads.create(body, context))
    }

    /// What became of rows created together.
    func statuses(_ rows: [Result<JSON, Problem>]) async throws -> [Int] {
        try await leads.createMany(rows, context).map(\.status)
    }

    /// An act over HTTP, without sockets.
    func act(_ verb: String, on lead: String, _ body: JSON) async throws -> (status: HTTPStatus, body: JSON) {
        let router = try Router(
            LeadActs(leads: leads, policies: policies).endpoints, middleware: [Known(principal: administrator)],
            events: RouterEvents(unexpected: { error, _, _ in Issue.record(error) }),
            translate: { Problem(translating: $0) })
        return try read(
            await router.handler(
                HTTPRequest(
                    .post, "/v1/leads/\(lead)/\(verb)", headers: ["Content-Type": "application/json"],
                    body: .bytes(body.serialize()))))
    }

    private var administrator: Principal {
        Principal(
            tenant: tenant.id, subject: "test", kind: .apiKey, role: "admin",
            permissions: ["backdate", "leads.write", "leads.assign"], visibility: .all)
    }

    func read(_ response: HTTPResponse) throws -> (status: HTTPStatus, body: JSON) {
        guard case .bytes(let bytes) = response.body.content else { return (response.status, .null) }
        return (response.status, try JSON.parse(bytes))
    }

    func hire(
        _ name: String, id: UUID = UUIDv7.make(), team: UUID? = nil, isActive: Bool = true
    ) async throws -> UUID {
        try await environment.database.hire(name, id: id, team: team, isActive: isActive, of: tenant)
    }

    /// From now on who is not in the copies is nobody.
    func fillCopies(_ parts: DirectoryCopy.Part...) async throws {
        try await environment.database.fillCopies(parts, of: tenant)
    }

    func found(_ name: String, id: UUID = UUIDv7.make()) async throws -> UUID {
        try await environment.database.found(name, id: id, of: tenant)
    }

    func count(_ sql: SQL) async throws -> Int64 {
        try await environment.database.query(tenant.id, sql).single().get(0)
    }
}
