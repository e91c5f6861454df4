import EventLog
import Foundation
import Glibc
import HTTP
import JSON
import Postgres
import Resources
import Runtime
import ServiceKit
import Synchronization
import Tenancy
import TestKit
import Testing
import Values

@testable import Gateway

/// A whole gateway on a PostgreSQL of its own, before one server that stands for all the services behind it.
final class GatewayFixture: Sendable {
    let url: String
    let operatorKey: String
    let database: TenantDatabase
    let services: BehindTheGateway
    private let client: HTTPClient
    private let numbers = Mutex(0)

    private static let starting = Mutex<Task<GatewayFixture, any Error>?>(nil)

    /// The gateway of this process, started by the first test that asks.
    static func shared() async throws -> GatewayFixture {
        let task = starting.withLock { starting in
            let task = starting ?? Task { try await start() }
            starting = task
            return task
        }
        return try await task.value
    }

    private init(
        url: String, operatorKey: String, database: TenantDatabase, services: BehindTheGateway, client: HTTPClient
    ) {
        (self.url, self.operatorKey, self.database) = (url, operatorKey, database)
        (self.services, self.client) = (services, client)
    }

    private static func start() async throws -> GatewayFixture {
        let server = try await TestPostgres.separate("gateway")
        let group = EventLoopGroup(count: 1, name: "gateway")
        let bootstrap = Bootstrap(superuser: server.superuser, loginPassword: nil, group: group)
        let sets = try Backbone.migrations(with: GatewayService.migrations())
        try await bootstrap.prepare(database: Backbone.databaseName("gateway"), sets: sets)
        try await bootstrap.prepare(database: Backbone.logDatabaseName, sets: [EventLogSchema.log()])
        let internalPort = try freePort()
        let services = try await BehindTheGateway(
            group: group, gatewayInternalURL: "http://127.0.0.1:\(internalPort)")
        let context = try ServiceContext(
            settings: settings(server, internalPort, services.url), configuration: configuration(server, services.url),
            group: group, logger: Logger(service: "gateway", level: .error))
        let composition = try await GatewayService.compose(context)
        let (ready, tell) = AsyncStream.makeStream(of: HostAndPort.self)
        Task(executorPreference: group.next()) {
            let outcome = await composition.run(
                in: context, stopRequests: AsyncStream { _ in },
                onReady: { addresses in
                    if let server = addresses.server { tell.yield(server) }
                    tell.finish()
                })
            Issue.record("the gateway ended: \(outcome)")
            tell.finish()
        }
        let address = try #require(await ready.first { _ in true })
        let database = TenantDatabase(
            database: PostgresDatabase(
                group: group, configuration: server.superuser.with(database: Backbone.databaseName("gateway"))))
        let key = try await GatewayService.createOperatorKey("test", database: database)
        return GatewayFixture(
            url: "http://\(address)", operatorKey: key, database: database, services: services,
            client: HTTPClient(group: group))
    }

    private static func configuration(_ server: TestPostgres, _ services: String) throws -> Configuration {
        try Configuration(
            keys: ServiceSettings.keys(for: "gateway") + GatewaySettings.keys,
            arguments: ["--password-cost", "light", "--rate-limit-address", "100000"], environment: environment(server))
    }

    private static func settings(
        _ server: TestPostgres, _ internalPort: Int, _ services: String
    ) throws -> ServiceSettings {
        var arguments = ["--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:\(internalPort)"]
        arguments += ["--gateway-internal-url", "http://127.0.0.1:\(internalPort)", "--loops", "1"]
        for service in ServiceSettings.services.dropFirst() {
            arguments += ["--\(service)-url", services, "--\(service)-internal-url", services]
        }
        return try ServiceSettings(
            name: "gateway",
            configuration: Configuration(
                keys: ServiceSettings.keys(for: "gateway"), arguments: arguments, environment: environment(server)))
    }

    private static func environment(_ server: TestPostgres) -> [String: String] {
        [
            "GUANXI_DATABASE_URL": "postgresql://postgres@/postgres?host=\(server.superuser.host)",
            "GUANXI_SECRET": String(repeating: "s", count: 40),
        ]
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                try #require(bind(descriptor, generic, length) == 0)
                try #require(getsockname(descriptor, generic, &length) == 0)
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
    }

    // MARK: - Calling

    struct Answer: Sendable {
        let status: Int
        let json: JSON
        let headers: HTTPHeaders
    }

    @discardableResult
    func call(
        _ method: HTTPMethod, _ path: String, _ body: JSON? = nil, as token: String? = nil, headers: HTTPHeaders = [:],
        raw: [UInt8]? = nil
    ) async throws -> Answer {
        var headers = headers
        if let token { headers["Authorization"] = "Bearer \(token)" }
        if body != nil { headers["Content-Type"] = "application/json" }
        let bytes = raw ?? body?.serialize()
        let response = try await client.send(
            ClientRequest(method, url + path, headers: headers, body: bytes.map { .bytes($0) } ?? .none))
        let answer = try await response.bytes(upTo: 8 << 20)
        return Answer(
            status: response.status.code, json: (try? JSON.parse(answer)) ?? .null, headers: response.headers)
    }

    /// A tenant of its own for a test.
    struct Unit: Sendable {
        let id: TenantID
        let slug: String
        /// An administrator's API key.
        let key: String
    }

    func unit() async throws -> Unit {
        let number = numbers.withLock { numbers in
            numbers += 1
            return numbers
        }
        let slug = "unit-\(number)"
        let tenant = try await call(.post, "/v1/tenants", ["slug": slug.json, "name": "Unit"], as: operatorKey)
        try #require(tenant.status == 201)
        let key = try await call(
            .post, "/v1/tenants/\(slug)/api-keys", ["name": "test", "role": "admin"], as: operatorKey)
        try #require(key.status == 201)
        return Unit(
            id: try #require(tenant.json["id"]?.string.flatMap { TenantID($0) }), slug: slug,
            key: try #require(key.json["key"]?.string))
    }

    static let password = "correct horse battery"

    /// A user with ``password``; answers the id.
    func user(_ login: String, role: String = "sales", team: String? = nil, in unit: Unit) async throws -> String {
        let user = try await call(
            .post, "/v1/users", ["login": login.json, "name": login.json, "role": role.json, "teamId": team.json],
            as: unit.key)
        try #require(user.status == 201)
        let id = try #require(user.json["id"]?.string)
        let reset = try await call(.post, "/v1/users/\(id)/password-reset", as: unit.key)
        let token = try #require(reset.json["token"]?.string)
        let set = try await call(
            .post, "/v1/password-resets", ["token": token.json, "password": Self.password.json])
        try #require(set.status == 204)
        return id
    }

    func logIn(_ login: String, password: String = password, in unit: Unit) async throws -> Answer {
        try await call(
            .post, "/v1/sessions", ["tenant": unit.slug.json, "user": login.json, "password": password.json])
    }

    func accessToken(_ login: String, in unit: Unit) async throws -> String {
        try #require(try await logIn(login, in: unit).json["accessToken"]?.string)
    }

    /// Has all refresh tokens of a tenant exchanged earlier than they were.
    func refreshed(ago: Duration, _ unit: Unit) async throws {
        _ = try await database.flight(
            unit.id, ["update \(schema: unit.id).sessions set refreshed_at = \(Timestamp.now() - ago)"])
    }

    /// The status of `GET /v1/me` with a token.
    func me(_ token: String) async throws -> Int { try await call(.get, "/v1/me", as: token).status }
}

/// One server in place of every service: proves the gateway's identity token, and answers what came.
final class BehindTheGateway: Sendable {
    private struct State {
        var tenants: [String: String] = [:]
        var refuses = false
        var keeps = false
    }

    private let state = Mutex(State())
    private let port = Mutex(0)

    var url: String { "http://127.0.0.1:\(port.withLock { $0 })" }

    /// Status by tenant, as the gateway told it.
    var tenants: [String: String] { state.withLock { $0.tenants } }

    /// While true, no tenant can be removed.
    var keeps: Bool {
        get { state.withLock { $0.keeps } }
        set { state.withLock { $0.keeps = newValue } }
    }

    /// While true, no tenant can be made.
    var refuses: Bool {
        get { state.withLock { $0.refuses } }
        set { state.withLock { $0.refuses = newValue } }
    }

    init(group: EventLoopGroup, gatewayInternalURL: String) async throws {
        let keys = RemoteKeySet(internalURL: gatewayInternalURL, client: HTTPClient(group: group))
        let router = try Router(
            [
                Endpoint(
                    .put, "/internal/tenants/{id}", id: "put", summary: "", permission: TenantEndpoints.permission,
                    body: .json(Schema(inline: [:])), responses: [ResponseSpec(204, "")]
                ) { call in
                    let body = try await call.json()
                    return self.state.withLock { state in
                        guard !state.refuses else { return HTTPResponse(.internalServerError) }
                        state.tenants[call.path.string("id")] = body["status"]?.string
                        return .noContent
                    }
                },
                Endpoint(
                    .delete, "/internal/tenants/{id}", id: "delete", summary: "",
                    permission: TenantEndpoints.permission,
                    responses: [ResponseSpec(204, "")]
                ) { call in
                    self.state.withLock { state in
                        guard !state.keeps else { return HTTPResponse(.internalServerError) }
                        state.tenants[call.path.string("id")] = nil
                        return .noContent
                    }
                },
            ],
            mounts: [
                Mount("/v1", id: "echo", permission: .anyCaller) { call in
                    let principal = try call.caller
                    if call.request.path.hasSuffix("/disbelieved") { throw Problem(.unauthenticated) }
                    let names = call.request.headers.fields.map { $0.name.lowercased() }.filter {
                        $0 != "guanxi-identity"
                    }
                    let bytes = try await call.request.body.collect(upTo: 64 << 20).count
                    return .json([
                        "target": call.request.target.json, "tenant": principal.tenant.json,
                        "subject": principal.subject.json, "role": principal.role.json,
                        "permissions": principal.permissions.map(\.name).sorted().json,
                        "visibility": principal.visibility.rawValue.json, "teams": principal.teamIDs.json,
                        "headers": names.json, "bytes": bytes.json,
                    ])
                }
            ], middleware: [IdentityMiddleware(issuers: ["gateway": keys])],
            events: RouterEvents(unexpected: { error, _, _ in Issue.record(error) }))
        let server = HTTPServer(group: group, address: ListenAddress(port: 0), handler: router.handler)
        try await server.start()
        port.withLock { $0 = server.boundPort }
    }
}
