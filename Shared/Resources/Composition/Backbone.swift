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
    private let sets: [MigrationSet]
    private let kept: Set<DirectoryCopy.Part>
    private let logConfiguration: PostgresConfiguration
    /// The embedded log, if that is the one.
    private let embedded: (log: PostgresEventLog, database: PostgresDatabase)?

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
    ///   - kept: what the service has a copy of from the directory; see ``directoryConsumer(_:)``.
    ///   - isPlaced: whether tenants may be on other servers than the one that has the directory.
    public init(
        _ context: ServiceContext, migrations own: [MigrationSet], callers: [String] = [],
        keeping kept: Set<DirectoryCopy.Part> = [], isPlaced: Bool = true
    ) throws {
        self.context = context
        self.kept = kept
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
            source: "/\(settings.name)", directory: kept.contains(.people) ? Directory(database, keeping: kept) : nil,
            importPace: ImportPace(relays: relays, admission: admission))
        identity = context.identity(alsoFrom: callers)
        observe()
    }

    /// Health and metrics of what every service has.
    private func observe() {
        let (health, metrics) = (context.health, context.metrics)
        let (database, relays, log) = (database, relays, log)
        for place in database.everywhere {
            // One that is away is felt by the tenants there alone.
            health.add(place.isHome ? "database" : "database \(place.server)", isRequired: place.isHome) {
                _ = try await place.database.query("select 1", role: place.serviceRole)
            }
        }
        // Without it writes are accepted: their events wait in the outbox.
        health.add("event log", isRequired: false) {
            guard await log.isReachable() else { throw EventLogError.unreachable("no answer") }
        }
        metrics.provide("guanxi_outbox_depth", .gauge, help: "Events that wait to be published.") {
            [.init(Double(RelayStatus.sum(relays.map(\.status)).depth))]
        }
        metrics.provide("guanxi_outbox_lag_seconds", .gauge, help: "How long the oldest waiting event has waited.") {
            [.init(RelayStatus.sum(relays.map(\.status)).lag.inSeconds)]
        }
        metrics.provide("guanxi_outbox_published_total", .counter, help: "Events published by this instance.") {
            [.init(Double(RelayStatus.sum(relays.map(\.status)).published))]
        }
    }

    /// A consumer group of this service.
    /// - Parameters:
    ///   - isDurable: see ``EventConsumer/Configuration/isDurable``.
    ///   - pace: see ``EventConsumer/Configuration/pace``; nil for the standard one.
    ///   - acceptsMidway: see ``EventConsumer/Configuration/acceptsMidway``.
    public func consumer(
        _ group: String, topics: [Topic], handlers: [any EventHandler], isDurable: Bool = true,
        pace: Duration? = nil, acceptsMidway: Bool = false
    ) -> EventConsumer {
        let logger = context.logger.component("consumer \(group)")
        // A line for each event is for those who look for something.
        let applied: (@Sendable (CloudEvent) -> Void)? =
            logger.level > .debug
            ? nil
            : { @Sendable event in
                Self.inScope(of: event) {
                    logger.debug(
                        "event applied",
                        [
                            "type": .string(event.type), "aggregate": .string(event.subject),
                            "sequence": .int(event.sequence), "event": .string(event.id.uuidString.lowercased()),
                        ])
                }
            }
        var configuration = EventConsumer.Configuration(group: group, topics: topics.map(\.name))
        configuration.isDurable = isDurable
        configuration.pace = pace ?? configuration.pace
        configuration.acceptsMidway = acceptsMidway
        return EventConsumer(
            configuration, log: log, database: database, handlers: handlers,
            report: Self.report(context.logger), applied: applied)
    }

    /// The consumer that keeps the service's copy of the directory. What a crash undoes of it is read again. Each event
    /// has the whole of its person or team: one whose beginning the topic holds no longer is known from the next.
    public func directoryConsumer(_ group: String) -> EventConsumer {
        consumer(
            group, topics: [.gateway], handlers: [DirectoryCopy(kept)], isDurable: false, acceptsMidway: true)
    }

    /// Metrics of the consumers, each under its group.
    private func observe(_ consumers: [EventConsumer]) {
        guard !consumers.isEmpty else { return }
        func provide(
            _ name: String, _ kind: MetricsRegistry.Kind, _ help: String,
            _ value: @escaping @Sendable (EventConsumer) async -> Double?
        ) {
            context.metrics.provide("guanxi_consumer_\(name)", kind, help: help) {
                var samples: [MetricsRegistry.Sample] = []
                for consumer in consumers {
                    guard let value = await value(consumer) else { continue }
                    samples.append(.init(value, [(name: "group", value: consumer.configuration.group)]))
                }
                return samples
            }
        }
        provide("applied_total", .counter, "Events applied.") { Double($0.status.applied) }
        provide("repeats_total", .counter, "Events delivered again and skipped.") { Double($0.status.repeats) }
        provide("parked_total", .counter, "Events parked because they could not be applied.") {
            Double($0.status.parked)
        }
        provide("missed_total", .counter, "Events that the log no longer held when their turn came.") {
            Double($0.status.missed)
        }
        // As last looked at: a log that is away must not keep anybody from the other metrics.
        provide("lag", .gauge, "Events of the log that are not applied yet; absent while the log is away.") {
            $0.status.lag.map { Double($0) }
        }
        provide("stalled", .gauge, "1 when events wait and nothing moves.") { $0.status.isStalled ? 1 : 0 }
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
                + consumers.map(part) + components + relays.map(part) + [housekeeping, context.server(answering)],
            internalRoutes: internals.handler, keys: keys ?? { await instances.all() })
    }

    // MARK: - Components

    private var databasePart: Part {
        let (database, logDatabase, sets, logger) = (database, embedded?.database, sets, context.logger)
        return Part(
            "database",
            start: {
                for server in try await database.verify(sets: sets) {
                    logger.warning("the PostgreSQL server \(server) does not answer: its tenants wait for it")
                }
            },
            stop: { _ in
                await database.close()
                await logDatabase?.close()
            })
    }

    private var directoryPart: Part {
        let directory = database.directory
        return Part("tenant directory", start: { try await directory.refresh() }, run: { try await directory.run() })
    }

    private var rulesPart: Part {
        let versions = environment.ruleVersions
        return Part("rule versions", run: { try await versions.run() })
    }

    /// A log that is away when the service starts is waited for beside the work.
    private var logPart: Part {
        let (log, logger) = (log, context.logger)
        let topics = Topic.allCases.map(\.name)
        return Part(
            "event log",
            start: {
                try await settleLog()
                do {
                    try await withDeadline(.after(Self.logPatience)) {
                        try await log.createTopics(topics, partitions: Topic.partitions)
                    }
                } catch { logger.warning("the event log is away, events wait in the outbox: \(error)") }
            },
            run: {
                while (try? await log.createTopics(topics, partitions: Topic.partitions)) == nil {
                    try await Task.sleep(for: .seconds(1))
                }
            }, stop: { _ in await log.close() })
    }

    /// Throws when the installation's events are in a log of another kind than this service was given.
    private func settleLog() async throws {
        var configuration = logConfiguration
        configuration.connectionsPerLoop = 1
        let database = PostgresDatabase(group: context.group, configuration: configuration)
        let outcome: Result<Void, any Error>
        do {
            let role = TenantDatabase(database: database).serviceRole
            outcome = .success(try await RememberedLog(database: database, role: role).settle(log.name))
        } catch let error as PostgresError where error.sqlState == SQLState.undefinedTable {
            outcome = .failure(
                TenancyError.notPrepared(
                    database: Self.logDatabaseName, reason: "migrations of the event log are missing"))
        } catch {
            outcome = .failure(error)
        }
        await database.close()
        try outcome.get()
    }

    /// What a start waits for the event log.
    private static let logPatience = Duration.seconds(5)

    private func part(_ relay: OutboxRelay) -> Part {
        Part("outbox relay" + relay.place, run: { await relay.run() })
    }

    private func part(_ consumer: EventConsumer) -> Part {
        Part("consumer \(consumer.configuration.group)", run: { try await consumer.run() })
    }

    private var housekeeping: Part {
        let work = Housekeeping(
            database: database, log: embedded?.log, retention: context.settings.eventRetention, logger: context.logger)
        return Part("housekeeping", run: { try await work.run() })
    }

    private static func report(_ logger: Logger) -> EventLogNotice.Report {
        { notice in
            inScope(of: notice.event) {
                let line = "\(notice.component): \(notice.description)"
                if notice.severity == .error { logger.error(line) } else { logger.warning(line) }
            }
        }
    }

    /// Runs `body` in the trace and for the tenant of an event, so that log lines carry both.
    private static func inScope(of event: CloudEvent?, _ body: () -> Void) {
        guard let event else { return body() }
        let trace = event.traceparent.flatMap(TraceContext.init(traceparent:)) ?? TraceContext()
        RequestScope.$current.withValue(RequestScope(trace: trace, tenant: event.tenant), operation: body)
    }
}

/// The tables of this module.
public enum ResourceSchema {
    public static func migrations() throws -> MigrationSet {
        try MigrationSet(name: "resources", folder: Bundle.module.bundleURL.appending(path: "Migrations"))
    }
}
