import Contracts
import EventLog
import Foundation
import HTTP
import JSON
import Kafka
import Postgres
import Runtime
import Security
import ServiceKit
import Tenancy
import Values

/// What every service stands on: its database, the event log, the outbox's relay, proof of identity.
///
/// A service makes one, adds its consumers and endpoints, and asks for its composition.
public struct Backbone: Sendable {
    public let context: ServiceContext
    public let database: TenantDatabase
    public let log: any EventLog
    /// One for each PostgreSQL server.
    let relays: [OutboxRelay]
    /// For the service's ``Resource``s.
    public let environment: ResourceEnvironment
    public let identity: IdentityMiddleware
    /// Comes after the proof of identity.
    public let admission: AdmissionControl
    public let provisioner: TenantProvisioner
    let sets: [MigrationSet]
    let kept: Set<DirectoryCopy.Part>
    let filling: Set<DirectoryCopy.Part>
    let logConfiguration: PostgresConfiguration
    /// The embedded log, if that is the one.
    let embedded: (log: PostgresEventLog, database: PostgresDatabase)?

    public var writer: Writer { environment.writer }

    /// Tells the relays that a transaction with events was committed.
    public var committed: @Sendable () -> Void { writer.committed }

    /// Names of the databases on the server.
    public static func databaseName(_ service: String) -> String { "guanxi_\(service)" }
    public static let logDatabaseName = "guanxi_log"

    /// Every migration that a service's database and its tenants' schemas consist of.
    public static func migrations(with own: [MigrationSet]) throws -> [MigrationSet] {
        [try EventLogSchema.service(), try ResourceSchema.migrations()] + own
    }

    /// - Parameters:
    ///   - migrations: the service's own sets.
    ///   - callers: services that call this one in their own name, the gateway apart.
    ///   - kept: what the service has a copy of from the directory; see ``directoryConsumers(_:)``.
    ///   - filling: what of it the service keeps since a later release; see ``CopyFilling``.
    ///   - isPlaced: whether tenants may be on other servers than the one that has the directory.
    public init(
        _ context: ServiceContext, migrations own: [MigrationSet], callers: [String] = [],
        keeping kept: Set<DirectoryCopy.Part> = [], filling: Set<DirectoryCopy.Part> = [], isPlaced: Bool = true
    ) throws {
        self.context = context
        (self.kept, self.filling) = (kept, filling)
        sets = try Self.migrations(with: own)
        let settings = context.settings
        var configuration = try PostgresConfiguration(url: settings.databaseURL.value)
        configuration.connectionsPerLoop = settings.connectionsPerLoop
        configuration.applicationName = "guanxi-\(settings.name)"
        let home = configuration.with(database: Self.databaseName(settings.name))
        database = TenantDatabase(
            database: PostgresDatabase(group: context.group, configuration: home),
            others: try (isPlaced ? settings.databaseServers : [:]).mapValues { url in
                PostgresDatabase(group: context.group, configuration: try home.at(url: url.value))
            })
        provisioner = TenantProvisioner(database, sets: sets)
        logConfiguration = configuration.with(database: Self.logDatabaseName)
        let report = Self.report(context.logger)
        switch settings.eventLog {
        case .kafka:
            embedded = nil
            log = KafkaEventLog(
                KafkaConfiguration(
                    bootstrapServers: settings.kafkaBootstrapServers, clientID: "guanxi-\(settings.name)",
                    report: { context.logger.warning("\($0)") }),
                group: context.group, retention: settings.eventRetention)
        case .postgres:
            let made = PostgresDatabase(group: context.group, configuration: logConfiguration)
            let own = PostgresEventLog(
                database: made, role: TenantDatabase(database: made).serviceRole, report: report)
            embedded = (own, made)
            log = own
        }
        let relays = database.everywhere.map { [log] place in
            OutboxRelay(database: place, log: log, topic: "guanxi.\(settings.name)", report: report)
        }
        self.relays = relays
        // What moves much data leaves half of the connections to the others.
        let connections = settings.connectionsPerLoop * context.group.loops.count
        let admission = AdmissionControl(
            long: .fixed(max(2, connections / 2)), group: context.group, metrics: context.metrics,
            logger: context.logger.component("admission"))
        self.admission = admission
        environment = ResourceEnvironment(
            writer: Writer(database: database) { for relay in relays { relay.nudge() } },
            cursors: Cursors(secret: settings.secret.value),
            source: "/\(settings.name)",
            directory: kept.contains(.people) ? Directory(database, keeping: kept, filling: filling) : nil,
            importPace: ImportPace(relays: relays, admission: admission))
        identity = context.identity(alsoFrom: callers)
        observe()
    }

    /// The whole service.
    ///
    /// - Parameters:
    ///   - handler: answers the public port; a router of `endpoints` behind the identity token if nil.
    ///   - endpoints: the public API's.
    ///   - internalEndpoints: what sibling services call, on the internal port.
    ///   - consumers: run beside the relay.
    ///   - components: further parts, started before the server.
    ///   - seed: puts what a new tenant begins with into its schema.
    ///   - keys: published at the internal port; those of all instances of the service if nil.
    public func composition(
        handler: HTTPHandler? = nil, endpoints: [Endpoint], internalEndpoints: [Endpoint] = [],
        consumers: [EventConsumer] = [],
        components: [any Component] = [], seed: @escaping TenantEndpoints.Seed = { _ in },
        keys: (@Sendable () async -> KeySet)? = nil
    ) throws -> ServiceComposition {
        let consumers = consumers.flatMap(\.everywhere)
        observe(consumers)
        let translate: @Sendable (any Error) -> Problem? = { Problem(translating: $0) }
        let answering =
            try handler
            ?? Router(
                endpoints, middleware: [identity, admission], events: context.telemetry.events, translate: translate
            ).handler
        let info = OpenAPI.Info(title: "Guanxi \(context.settings.name)", version: "1.0.0", description: "")
        let tenants = TenantEndpoints(provisioner: provisioner, directory: database.directory, seed: seed)
        let internals = try InternalAPI(
            tenants.endpoints + internalEndpoints + operations(consumers),
            document: try OpenAPI.document(info: info, endpoints: endpoints), identity: identity,
            telemetry: context.telemetry, translate: translate)
        let instances = InstanceKeys(database: database, own: context.minter.keys, logger: context.logger)
        return ServiceComposition(
            components: [databasePart, directoryPart, rulesPart, logPart] + (keys == nil ? [instances.part] : [])
                + consumers.map(part) + fillings + components + relays.map(part) + [
                    housekeeping, context.server(answering),
                ],
            internalRoutes: internals.handler, keys: keys ?? { await instances.all() })
    }
}

/// The tables of this module.
public enum ResourceSchema {
    public static func migrations() throws -> MigrationSet {
        try MigrationSet(name: "resources", folder: Bundle.module.bundleURL.appending(path: "Migrations"))
    }
}
