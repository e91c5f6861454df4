import Contracts
import EventLog
import Foundation
import HTTP
import Postgres
import Resources
import Runtime
import Security
import ServiceKit
import Tenancy
import Values

/// The gateway: who calls, for which tenant, and which service answers.
public enum GatewayService {
    public static let name = "gateway"

    /// The service's own migrations.
    public static func migrations() throws -> [MigrationSet] {
        [try MigrationSet(name: name, folder: Bundle.module.bundleURL.appending(path: "Migrations"))]
    }

    public static func compose(_ context: ServiceContext) async throws -> ServiceComposition {
        let settings = GatewaySettings(context.configuration)
        let backbone = try Backbone(
            context, migrations: try migrations(), callers: ["leads", "customers"], isPlaced: false)
        let database = backbone.database

        // Who calls.
        let cache = TokenCache<Identity>()
        let keys = SigningKeys(database: database, rotation: settings.keyRotation)
        let revocations = Revocations(database: database, cache: cache)
        let accounts = Accounts(database: database)
        let authenticator = Authenticator(
            keys: keys, accounts: accounts, directory: database.directory, revocations: revocations, cache: cache,
            group: context.group)
        let passwords = Passwords(cost: settings.passwordCost)
        let sessions = Sessions(
            database: database, secret: context.settings.secret.value, keys: keys, passwords: passwords,
            throttle: LoginThrottle(database: database), revocations: revocations)
        let resets = PasswordResets(database: database, passwords: passwords, revocations: revocations)
        let apiKeys = APIKeys(database: database, revocations: revocations)

        // For which tenant.
        let services = ServiceSettings.services.filter { $0 != name }
        let internals = context.settings.internalURLs
        let store = TenantStore(database: database, committed: backbone.committed)
        let lifecycle = TenantLifecycle(
            store: store, provisioner: backbone.provisioner,
            services: services.map { ($0, internals[$0] ?? "") }, client: context.client, keys: keys,
            logger: context.logger)
        let directory = Directory(backbone.environment)

        // Which service answers.
        let proxy = ServiceProxy(client: context.client, keys: keys)
        let forwarded = Backend.paths.flatMap { service, prefixes in
            proxy.mounts(to: service, at: context.settings.serviceURLs[service] ?? "", prefixes: prefixes)
        }

        let api =
            SessionAPI(sessions: sessions).endpoints + PasswordAPI(sessions: sessions, resets: resets).endpoints
            + TokenAPI(accounts: accounts, keys: keys).endpoints
            + ProfileAPI(users: directory.users, directory: database.directory).endpoints + directory.endpoints
            + APIKeyAPI(keys: apiKeys).endpoints
            + TenantAPI(
                lifecycle: lifecycle, keys: apiKeys, servers: Set(context.settings.databaseServers.keys)
            ).endpoints
            + OperatorAPI(store: store, client: context.client, internalURLs: internals, keys: keys).endpoints
        let document = APIDocument(
            own: try OpenAPI.document(info: APIDocument.info, endpoints: api),
            services: services.map { ($0, internals[$0] ?? "") },
            client: context.client, logger: context.logger)
        let documents = DocumentAPI(document: document, keys: keys)

        let limits = RateLimits(settings.limits)
        let router = try Router(
            api + documents.endpoints + Pages().endpoints, mounts: forwarded + documents.mounts,
            middleware: [
                AuthenticationMiddleware(authenticator: authenticator, limits: limits), limits, backbone.admission,
            ],
            events: context.telemetry.events, translate: { Problem(translating: $0) })

        return try backbone.composition(
            handler: SecurityHeaders.around(router.handler), endpoints: api,
            internalEndpoints: CopySource(backbone.environment, [.teams, .businessLines]).endpoints,
            components: [
                Part("signing keys", start: { try await keys.load() }, run: { try await keys.run() }),
                Part("revocations", start: { try await revocations.look() }, run: { try await revocations.run() }),
                Part("tenants", run: { try await lifecycle.run() }),
                Part("API document", run: { try await document.run() }),
            ],
            keys: { keys.keySet })
    }

    public static let program = ServiceProgram(
        name: name, summary: "Who calls, for which tenant, and which service answers.", keys: GatewaySettings.keys,
        compose: compose)

    /// Makes a key for an operator; its text is shown this once.
    public static func createOperatorKey(_ name: String, database: TenantDatabase) async throws -> String {
        try await OperatorKeys(database: database).create(name).text
    }
}
