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

@testable import Customers

/// The customers service on a real database with one tenant, without HTTP.
struct CustomersFixture: Sendable {
    let tenant: Tenant
    let environment: ResourceEnvironment
    let accounts: Resource<Account>
    let orders: Orders

    var contacts: Resource<Contact> { Contacts.resource(environment) }
    var lifecycle: LifecycleStore { LifecycleStore(environment: environment) }

    /// - Parameter release: the tenant has so many of the service's migrations; nil = all.
    static func with(
        release: Int? = nil, _ body: @escaping @Sendable (CustomersFixture) async throws -> Void
    ) async throws {
        let server = try await TestPostgres.shared()
        let name = server.freshName()
        let group = EventLoopGroup(count: 1, name: "customers")
        let sets = try Backbone.migrations(with: CustomersService.migrations())
        try await Bootstrap(superuser: server.superuser, loginPassword: nil, group: group)
            .prepare(database: name, sets: sets)
        let database = TenantDatabase(
            database: PostgresDatabase(
                group: group, configuration: server.superuser.with(database: name, login: "none")))
        let old = try sets.map { set in
            guard let release, set.name == CustomersService.name else { return set }
            return try MigrationSet(name: set.name, shared: set.shared, tenant: Array(set.tenant.prefix(release)))
        }
        let tenant = try await TenantProvisioner(database, sets: old).provision(
            TenantDescription(slug: "music", name: "Music", timeZone: "UTC", currency: "USD"))
        let environment = ResourceEnvironment(
            writer: Writer(database: database, committed: {}), cursors: Cursors(secret: "test"), source: "/customers",
            directory: Directory(
                database, keeping: [.people, .teams, .businessLines, .products],
                filling: [.teams, .businessLines, .products], patience: .zero))
        let accounts = Accounts.resource(environment)
        let fixture = CustomersFixture(
            tenant: tenant, environment: environment, accounts: accounts,
            orders: Orders(environment: environment, accounts: accounts))
        try await withTaskExecutorPreference(group.next()) { try await body(fixture) }
        await database.database.close()
        await group.shutdown()
    }

    func hire(
        _ name: String, id: UUID = UUIDv7.make(), team: UUID? = nil, isActive: Bool = true
    ) async throws -> UUID {
        try await environment.database.hire(name, id: id, team: team, isActive: isActive, of: tenant)
    }

    /// A person's write.
    func write(by principal: Principal) -> WriteContext { WriteContext(tenant: tenant.id, principal: principal) }

    func person(_ role: Role, _ id: UUID, teams: [UUID] = []) -> Principal {
        Principal(
            tenant: tenant.id, subject: id.lowercased, kind: .user, role: role.rawValue,
            permissions: Set(PermissionMatrix.permissions(of: role).map { Permission($0) }),
            visibility: Principal.Visibility(rawValue: PermissionMatrix.scope(of: role).rawValue) ?? .own,
            teamIDs: teams)
    }

    /// An administrator's write.
    func context(ifMatch: VersionCondition? = nil) -> WriteContext {
        let principal = Principal(
            tenant: tenant.id, subject: "test", kind: .apiKey, role: "admin",
            permissions: ["backdate", "accounts.write"], visibility: .all)
        return WriteContext(tenant: tenant.id, principal: principal, ifMatch: ifMatch)
    }

    func account(_ number: String) async throws -> Account {
        let answer = try await accounts.create(
            ["name": "Customer \(number)", "externalSystem": "shop", "externalId": .string(number)], context())
        #expect(answer.status == 201)
        return try #require(
            try await accounts.find(ExternalKey(system: "shop", id: number), tenant: tenant.id))
    }

    /// Rows of orders of one account, a day apart, the last yesterday.
    func orderRows(_ count: Int, of account: String, from first: Int = 1) -> [Result<JSON, Problem>] {
        let today = Timestamp.now().date(in: .gmt)
        return (first..<first + count).map { number in
            .success([
                "externalSystem": "shop", "externalId": .string("\(account)-\(number)"),
                "accountExternalId": .string(account), "orderedOn": today.adding(days: number - 40).json,
                "amount": ["amount": "10.00", "currency": "USD"],
            ])
        }
    }

    func events() async throws -> [(type: String, aggregate: String, sequence: Int64)] {
        try await environment.database.database.query(
            "select type, aggregate_id, sequence from shared.outbox order by id", role: environment.database.outboxRole
        ).map { (try $0.get(0), try $0.get(1), try $0.get(2)) }
    }

    /// What `body` answers, or the status of the problem it throws.
    func status(_ body: @Sendable () async throws -> HTTPResponse) async throws -> HTTPStatus {
        do { return try await body().status } catch {
            guard let problem = Problem(translating: error) else { throw error }
            return HTTPStatus(rawValue: problem.type.status)
        }
    }

    /// The statuses of the same act done many times at once, sorted.
    func atOnce(
        _ count: Int, _ body: @escaping @Sendable (Int) async throws -> HTTPResponse
    ) async throws -> [Int] {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<count { group.addTask { try await status { try await body(number) }.code } }
            return try await group.reduce(into: []) { $0.append($1) }.sorted()
        }
    }

    /// See `TenantDatabase.whileHeld`.
    func whileHeld<Value: Sendable>(
        _ first: [SQL], then: [SQL] = [], _ other: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await environment.database.whileHeld(tenant.id, first, then: then, other)
    }

    /// From now on who is not in the copies is nobody.
    func fillCopies(_ parts: DirectoryCopy.Part...) async throws {
        try await environment.database.fillCopies(parts, of: tenant)
    }

    func found(_ name: String, id: UUID = UUIDv7.make()) async throws -> UUID {
        try await environment.database.found(name, id: id, of: tenant)
    }

    func set(_ action: DuplicateAction) async throws {
        try await environment.writer.commit(
            tenant.id, [AccountDuplicatePolicy(action: action).store(in: tenant.schema)])
    }

    func count(_ sql: SQL) async throws -> Int64 {
        try await environment.database.query(tenant.id, sql).single().get(0)
    }

    func stored(_ account: Account) async throws -> Account {
        try #require(try await accounts.find(account.id, tenant: tenant.id))
    }

    func read(_ response: HTTPResponse) throws -> JSON {
        guard case .bytes(let bytes) = response.body.content else { return .null }
        return try JSON.parse(bytes)
    }
}
