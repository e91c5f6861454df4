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

/// The gateway: identity, tenants, the directory of people, and the way to the services.
public enum GatewayService {
    public static let name = "gateway"

    /// The service's own migrations.
    public static func migrations() throws -> [MigrationSet] {
        [try MigrationSet(name: name, folder: Bundle.module.bundleURL.appending(path: "Migrations"))]
    }

    static let rate = ConfigurationKey(
        "rate-limit", default: 2_000, in: 1...1_000_000,
        help: "Requests a second of one user or key that go on for ever.")
    static let tenantRate = ConfigurationKey(
        "tenant-rate-limit", default: 10_000, in: 1...10_000_000,
        help: "Requests a second of one tenant that go on for ever.")

    public static func compose(_ context: ServiceContext) async throws -> ServiceComposition {
        let backbone = try Backbone(context, migrations: try migrations())
        let (database, environment) = (backbone.database, backbone.environment)
        let cache = TokenCache<Identity>()
        let keys = SigningKeys(database: database, rotation: .seconds(30 * 86_400))
        let revocations = Revocations(database: database, cache: cache)
        let passwords = Passwords(cost: .standard)
        let authenticator = Authenticator(
            keys: keys, accounts: Accounts(database: database), directory: database.directory,
            revocations: revocations, cache: cache)
        let internalURLs = context.settings.internalURLs.filter { $0.key != name }
        let registry = TenantRegistry(
            database: database, provisioner: backbone.provisioner, client: context.client,
            internalURLs: internalURLs, keys: keys, committed: { backbone.relay.nudge() })
        let apiKeys = APIKeys(database: database, revocations: revocations)
        let sessions = SessionRoutes(
            sessions: Sessions(
                database: database, keys: keys, passwords: passwords, throttle: LoginThrottle(database: database),
                revocations: revocations),
            resets: PasswordResets(database: database, passwords: passwords, revocations: revocations), keys: keys)
        let endpoints =
            sessions.endpoints + TenantRoutes(registry: registry, apiKeys: apiKeys).endpoints
            + APIKeyRoutes(apiKeys: apiKeys).endpoints + Directory(environment, revocations: revocations).endpoints
            + OperatorRoutes(client: context.client, internalURLs: internalURLs, keys: keys).endpoints
        let documents = try DocumentRoutes(
            client: context.client, internalURLs: internalURLs, keys: keys, own: endpoints)
        let proxy = ServiceProxy(client: context.client, keys: keys, serviceURLs: context.settings.serviceURLs)
        let limits = RateLimits(
            tenant: limit(context.configuration[tenantRate]), caller: limit(context.configuration[rate]))
        let router = try Router(
            endpoints + documents.endpoints, mounts: proxy.mounts,
            middleware: [AuthenticationMiddleware(authenticator: authenticator), limits],
            events: context.telemetry.events, translate: { Problem(translating: $0) })
        return try backbone.composition(
            handler: router.handler, endpoints: endpoints,
            components: [
                Part("signing keys", start: { try await keys.load() }, run: { try await keys.run() }),
                Part("revocations", start: { try await revocations.look() }, run: { try await revocations.run() }),
            ], keys: { keys.keySet })
    }

    private static func limit(_ rate: Int) -> RateLimits.Limit {
        RateLimits.Limit(rate: Double(rate), burst: Double(rate) * 2)
    }

    /// Makes a key of the platform's operators; answered once.
    public static func createOperatorKey(_ name: String, database: TenantDatabase) async throws -> String {
        try await OperatorKeys(database: database).create(name).text
    }

    public static let program = ServiceProgram(
        name: name, summary: "Identity, tenants, people, and the way to the services.",
        keys: [.init(rate), .init(tenantRate)], compose: compose)
}
