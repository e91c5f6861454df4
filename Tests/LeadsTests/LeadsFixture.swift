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
import Values

@testable import Leads

/// The leads service on a real database with one tenant, without HTTP.
struct LeadsFixture: Sendable {
    let tenant: Tenant
    let environment: ResourceEnvironment
    let policies: Policies
    let leads: Resource<Lead>

    static func with(_ body: @escaping @Sendable (LeadsFixture) async throws -> Void) async throws {
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
            writer: Writer(database: database, committed: {}), cursors: Cursors(secret: "test"), source: "/leads")
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
        WriteContext(
            tenant: tenant.id,
            principal: Principal(
                tenant: tenant.id, subject: "test", kind: .apiKey, role: "admin",
                permissions: ["backdate", "leads.write"], visibility: .all))
    }

    /// The answer's status and body.
    func create(_ body: JSON) async throws -> (status: HTTPStatus, body: JSON) {
        try read(try await leads.create(body, context))
    }

    /// What became of rows created together.
    func statuses(_ rows: [Result<JSON, Problem>]) async throws -> [Int] {
        try await leads.createMany(rows, context).map(\.status)
    }

    func read(_ response: HTTPResponse) throws -> (status: HTTPStatus, body: JSON) {
        guard case .bytes(let bytes) = response.body.content else { return (response.status, .null) }
        return (response.status, try JSON.parse(bytes))
    }

    /// Tells the service of a person, as the directory's events do.
    func hire(_ login: String, team: UUID) async throws -> UUID {
        var user = UserSnapshot()
        (user.id, user.login, user.teamId) = (UUIDv7.make(), login, team)
        let event = CloudEvent(
            id: UUIDv7.make(), source: "/gateway", type: "user.created", aggregateType: "user",
            aggregateID: user.id.lowercased, time: .now(), tenant: tenant.id, sequence: 1, data: ["user": user.json])
        try await environment.database.write(tenant.id) { tx in try await DirectoryCopy().apply([event], in: tx) }
        return user.id
    }

    func count(_ sql: SQL) async throws -> Int64 {
        try await environment.database.query(tenant.id, sql).single().get(0)
    }
}
