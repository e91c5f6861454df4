import Runtime

/// The settings that every service has.
public struct ServiceSettings: Sendable {
    /// Which event log carries events between services.
    public enum EventLogKind: String, Sendable, CaseIterable, ConfigurationChoice { case postgres, kafka }

    /// The service's name: `gateway`, `leads`, ….
    public let name: String
    public let loops: Int
    public let listen: HostAndPort
    public let internalListen: HostAndPort
    public let databaseURL: Secret
    /// Further PostgreSQL servers for tenants, by name.
    public let databaseServers: [String: Secret]
    public let connectionsPerLoop: Int
    public let eventLog: EventLogKind
    /// Set whenever `eventLog` is Kafka.
    public let kafkaBootstrapServers: String
    /// How long the event log keeps events.
    public let eventRetention: Duration
    /// From which the keys of signed cursors are derived.
    public let secret: Secret
    /// Where the gateway's internal port is, for its JWKS.
    public let gatewayInternalURL: String
    /// Where each service listens, by its name.
    public let serviceURLs: [String: String]
    /// Where each service's internal port is, by its name; the gateway's, too.
    public let internalURLs: [String: String]
    public let logLevel: Logger.Level
    /// Whether every answer is logged, not only failures.
    public let accessLog: Bool
    public let drainDeadline: Duration

    /// The services in the order of their default ports, 8080 (internally 9080) and up.
    public static let services = ["gateway", "leads", "opportunities", "customers", "analytics"]

    /// Reads the settings of a service from a configuration made with ``keys(for:)``.
    public init(name: String, configuration: Configuration) throws(ConfigurationError) {
        let keys = Keys(service: name)
        self.name = name
        let loops = configuration[keys.loops]
        self.loops = loops == 0 ? EventLoopGroup.advisableCount : loops
        listen = configuration[keys.listen]
        internalListen = configuration[keys.internalListen]
        databaseURL = configuration[keys.databaseURL]
        databaseServers = try DatabaseServers.read(configuration[keys.databaseServers].value)
        connectionsPerLoop = configuration[keys.connectionsPerLoop]
        eventLog = configuration[keys.eventLog]
        kafkaBootstrapServers = configuration[keys.kafkaBootstrapServers]
        eventRetention = configuration[keys.eventRetention]
        secret = configuration[keys.secret]
        gatewayInternalURL = configuration[keys.gatewayInternalURL]
        serviceURLs = Dictionary(uniqueKeysWithValues: keys.serviceURLs.map { ($0.service, configuration[$0.key]) })
        internalURLs = Dictionary(
            uniqueKeysWithValues: [("gateway", gatewayInternalURL)]
                + keys.internalURLs.map { ($0.service, configuration[$0.key]) })
        logLevel = configuration[keys.logLevel]
        accessLog = configuration[keys.accessLog]
        drainDeadline = configuration[keys.drainDeadline]
        if eventLog == .kafka, kafkaBootstrapServers.isEmpty {
            throw ConfigurationError(
                "kafka-bootstrap-servers is not set: with --event-log kafka give --kafka-bootstrap-servers or "
                    + "KAFKA_BOOTSTRAP_SERVERS, for example localhost:9092")
        }
    }

    /// The keys that every service reads.
    public static func keys(for service: String) -> [AnyConfigurationKey] { Keys(service: service).all }
}

/// The keys of the settings that every service has.
private struct Keys {
    let listen: ConfigurationKey<HostAndPort>
    let internalListen: ConfigurationKey<HostAndPort>
    let serviceURLs: [(service: String, key: ConfigurationKey<String>)]
    let internalURLs: [(service: String, key: ConfigurationKey<String>)]

    let loops = ConfigurationKey("loops", default: 0, in: 0...64, help: "Event loops; 0 makes one for two processors.")
    let databaseURL = ConfigurationKey<Secret>(
        "database-url", default: nil, help: "The PostgreSQL server; each service finds its own database there.",
        example: "postgresql://guanxi@127.0.0.1:5432/postgres",
        expectation: "an address such as postgresql://login:password@host:5432/database",
        isValid: { $0.value.hasPrefix("postgresql://") || $0.value.hasPrefix("postgres://") })
    let databaseServers = ConfigurationKey(
        "database-servers", default: Secret(""),
        help: "Further PostgreSQL servers for tenants: name=address, separated by spaces.",
        example: "second=postgresql://guanxi@10.0.0.2:5432/postgres")
    let connectionsPerLoop = ConfigurationKey(
        "database-connections", default: 12, in: 1...100, help: "The most database connections of each event loop.")
    let eventLog = ConfigurationKey(
        "event-log", default: ServiceSettings.EventLogKind.postgres,
        help: "What carries events between services: kafka, or the embedded log in PostgreSQL.")
    let kafkaBootstrapServers = ConfigurationKey(
        "kafka-bootstrap-servers", default: "", help: "Kafka's brokers; needed when the event log is kafka.",
        example: "broker-1:9092,broker-2:9092", environmentAlias: "KAFKA_BOOTSTRAP_SERVERS")
    let eventRetention = ConfigurationKey(
        "event-retention", default: EventRetention.standard, in: EventRetention.range,
        help: "How long the event log keeps events; on Kafka of topics that are made from now on.")
    let secret = ConfigurationKey<Secret>(
        "secret", default: nil, help: "Shared by all services of an installation; other secrets are derived from it.",
        example: "the output of: openssl rand -hex 32", expectation: "at least 32 characters",
        isValid: { $0.value.utf8.count >= 32 })
    let gatewayInternalURL = ConfigurationKey(
        "gateway-internal-url", default: "http://127.0.0.1:9080",
        help: "The gateway's internal port, from which its public keys are read.", expectation: Keys.address,
        isValid: Keys.isAddress)
    let logLevel = ConfigurationKey("log-level", default: Logger.Level.info, help: "The lowest level that is logged.")
    let accessLog = ConfigurationKey(
        "access-log", default: false, help: "Logs every answer; otherwise only failures of the server.")
    let drainDeadline = ConfigurationKey(
        "drain-deadline", default: Duration.seconds(10), in: .milliseconds(100)...(.seconds(600)),
        help: "How long running requests and events may take to finish when the service is stopped.")

    init(service: String) {
        let position = ServiceSettings.services.firstIndex(of: service) ?? 0
        listen = ConfigurationKey(
            "listen", default: HostAndPort(host: "127.0.0.1", port: 8_080 + position),
            help: "Where the service listens; port 0 takes a free one.")
        internalListen = ConfigurationKey(
            "internal-listen", default: HostAndPort(host: "127.0.0.1", port: 9_080 + position),
            help: "Where health, metrics and internal routes are; port 0 takes a free one.")
        let others = ServiceSettings.services.enumerated().dropFirst()
        serviceURLs = others.map { Keys.url($1, "\($1)-url", port: 8_080 + $0, help: "Where the \($1) service is.") }
        internalURLs = others.map {
            Keys.url($1, "\($1)-internal-url", port: 9_080 + $0, help: "Where the \($1) service's internal port is.")
        }
    }

    var all: [AnyConfigurationKey] {
        [
            .init(listen), .init(internalListen), .init(loops), .init(databaseURL),
            .init(databaseServers), .init(connectionsPerLoop),
            .init(eventLog), .init(kafkaBootstrapServers), .init(eventRetention), .init(secret),
            .init(gatewayInternalURL), .init(logLevel), .init(accessLog), .init(drainDeadline),
        ] + (serviceURLs + internalURLs).map { .init($0.key) }
    }

    private static let address = "an address such as http://127.0.0.1:8081"

    private static func isAddress(_ text: String) -> Bool {
        text.hasPrefix("http://") || text.hasPrefix("https://")
    }

    private static func url(
        _ service: String, _ name: String, port: Int, help: String
    ) -> (service: String, key: ConfigurationKey<String>) {
        let key = ConfigurationKey(
            name, default: "http://127.0.0.1:\(port)", help: help, expectation: address, isValid: isAddress)
        return (service, key)
    }
}
