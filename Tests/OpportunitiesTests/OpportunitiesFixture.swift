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

@testable import Opportunities

/// The opportunities service on a real database with one tenant, its endpoints called without sockets.
struct OpportunitiesFixture: Sendable {
    let tenant: Tenant
    let environment: ResourceEnvironment
    let opportunities: Opportunities
    private let router: Router

    /// - Parameter release: the tenant has so many of the service's migrations; nil = all.
    static func with(
        release: Int? = nil, _ body: @escaping @Sendable (OpportunitiesFixture) async throws -> Void
    ) async throws {
        let server = try await TestPostgres.shared()
        let name = server.freshName()
        let group = EventLoopGroup(count: 1, name: "opportunities")
        let sets = try Backbone.migrations(with: OpportunitiesService.migrations())
        try await Bootstrap(superuser: server.superuser, loginPassword: nil, group: group)
            .prepare(database: name, sets: sets)
        let database = TenantDatabase(
            database: PostgresDatabase(
                group: group, configuration: server.superuser.with(database: name, login: "none")))
        let outcome: Result<Void, any Error>
        do {
            let old = try sets.map { set in
                guard let release, set.name == OpportunitiesService.name else { return set }
                return try MigrationSet(name: set.name, shared: set.shared, tenant: Array(set.tenant.prefix(release)))
            }
            let tenant = try await TenantProvisioner(database, sets: old).provision(
                TenantDescription(slug: "hardware", name: "Hardware", timeZone: "UTC", currency: "USD"))
            let fixture = try OpportunitiesFixture(tenant, database)
            try await fixture.opportunities.pipelines.seed(tenant)
            outcome = .success(
                try await withTaskExecutorPreference(group.next()) { try await body(fixture) })
        } catch {
            outcome = .failure(error)
        }
        await database.database.close()
        await group.shutdown()
        try await server.administer(SQL(raw: "drop database \(name) with (force)"))
        try outcome.get()
    }

    private init(_ tenant: Tenant, _ database: TenantDatabase) throws {
        self.tenant = tenant
        environment = ResourceEnvironment(
            writer: Writer(database: database, committed: {}), cursors: Cursors(secret: "test"),
            source: "/opportunities",
            directory: Directory(database, keeping: [.people, .teams, .businessLines], patience: .zero))
        let pipelines = Pipelines(environment: environment)
        let products = Products(environment: environment)
        opportunities = Opportunities(environment: environment, pipelines: pipelines, products: products)
        let endpoints =
            products.resource.endpoints() + pipelines.resource.endpoints([.create, .read, .change, .delete])
            + [pipelines.versions, PipelineMigration(opportunities: opportunities).endpoint]
            + opportunities.resource.endpoints() + OpportunityActs(opportunities: opportunities).endpoints
            + RegistrationActs(opportunities: opportunities).endpoints
            + Targets(environment: environment).resource.endpoints([.create, .read, .change, .delete])
            + ForecastEndpoints(opportunities: opportunities).endpoints
            + ContractEndpoints(contracts: ContractStore(opportunities: opportunities)).endpoints
        router = try Router(
            endpoints, middleware: [PosingMiddleware()],
            events: RouterEvents(unexpected: { error, _, _ in Issue.record(error) }),
            translate: { Problem(translating: $0) })
    }

    // MARK: - Callers

    static func principal(
        _ tenant: Tenant, _ role: Role, id: UUID = UUIDv7.make(), teams: [UUID] = []
    ) -> Principal {
        let visibility = Principal.Visibility(rawValue: PermissionMatrix.scope(of: role).rawValue) ?? .own
        return Principal(
            tenant: tenant.id, subject: id.lowercased, kind: .user, role: role.rawValue,
            permissions: Set(PermissionMatrix.permissions(of: role).map { Permission($0) }), visibility: visibility,
            teamIDs: teams)
    }

    func person(_ role: Role, id: UUID = UUIDv7.make(), teams: [UUID] = []) -> Principal {
        Self.principal(tenant, role, id: id, teams: teams)
    }

    // MARK: - Calls

    func send(
        _ method: HTTPMethod, _ path: String, _ body: JSON? = nil, by principal: Principal? = nil,
        headers: HTTPHeaders = [:]
    ) async throws -> (status: HTTPStatus, body: JSON) {
        var fields = headers
        if body != nil { fields["Content-Type"] = "application/json" }
        let content: HTTPBody = body.map { .bytes($0.serialize()) } ?? .none
        let request = HTTPRequest(method, path, headers: fields, body: content)
        let response = await Posing.$principal.withValue(principal ?? person(.admin)) {
            await router.respond(to: request)
        }
        guard case .bytes(let bytes) = response.body.content else { return (response.status, .null) }
        return (response.status, try JSON.parse(bytes))
    }

    /// The body of a call that must succeed.
    func ok(_ method: HTTPMethod, _ path: String, _ body: JSON? = nil, by principal: Principal? = nil) async throws
        -> JSON
    {
        let answer = try await send(method, path, body, by: principal)
        #expect(answer.status.isSuccess, "\(method) \(path): \(answer.body)")
        return answer.body
    }

    func deal(_ name: String, _ more: JSONObject = [:], by principal: Principal? = nil) async throws -> JSON {
        var body: JSONObject = ["name": .string(name)]
        for (name, value) in more { body[name] = value }
        return try await ok(.post, "/v1/opportunities", .object(body), by: principal)
    }

    func hire(
        _ name: String, id: UUID = UUIDv7.make(), team: UUID? = nil, isActive: Bool = true
    ) async throws -> UUID {
        try await environment.database.hire(name, id: id, team: team, isActive: isActive, of: tenant)
    }

    func found(_ name: String, below parent: UUID? = nil) async throws -> UUID {
        var team = TeamSnapshot()
        (team.id, team.name, team.parentId) = (UUIDv7.make(), name, parent)
        try await environment.database.tell(.teams, team.id, team.json, of: tenant)
        return team.id
    }

    func disband(_ id: UUID, _ name: String) async throws {
        var team = TeamSnapshot()
        (team.id, team.name, team.deletedAt) = (id, name, .now())
        try await environment.database.tell(.teams, id, team.json, of: tenant)
    }

    /// The data of an object's last event.
    func told(_ id: String) async throws -> JSON {
        try await environment.database.database.query(
            "select data::jsonb from shared.outbox where aggregate_id = \(id) order by id desc limit 1",
            role: environment.database.outboxRole
        ).single().get(0)
    }

    func events(_ id: String) async throws -> [(type: String, sequence: Int64)] {
        try await environment.database.database.query(
            "select type, sequence from shared.outbox where aggregate_id = \(id) order by id",
            role: environment.database.outboxRole
        ).map { (try $0.get(0), try $0.get(1)) }
    }
}

/// Who the calls of a test come from.
private enum Posing {
    @TaskLocal static var principal: Principal?
}

private struct PosingMiddleware: Middleware {
    func respond(to call: Call, next: @Sendable (Call) async throws -> HTTPResponse) async throws -> HTTPResponse {
        var call = call
        call.principal = Posing.principal
        return try await next(call)
    }
}
