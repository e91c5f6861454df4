import CRDKafka
import Glibc

/// A bearer token for SASL OAUTHBEARER.
public struct KafkaToken: Sendable {
    public var value: String
    /// End of its life, milliseconds since 1970.
    public var expiresAt: Int64
    public var principal: String

    public init(value: String, expiresAt: Int64, principal: String) {
        self.value = value
        self.expiresAt = expiresAt
        self.principal = principal
    }
}

/// How to reach a cluster; shared by producers, consumers and admin calls.
public struct KafkaConfiguration: Sendable {
    /// "host:port,host:port".
    public var bootstrapServers: String
    /// Shown in the broker's logs and metrics.
    public var clientID: String
    /// Further properties of librdkafka, which win over the ones set here.
    public var properties: [String: String]
    /// Where tokens come from; set together with `sasl.mechanisms=OAUTHBEARER`.
    public var token: (@Sendable () async throws -> KafkaToken)?
    /// Called on a loop with what goes wrong and heals by itself; for logs.
    public var report: @Sendable (KafkaError) -> Void
    /// Called on a loop every `statistics.interval.ms` with librdkafka's statistics as JSON text.
    public var statistics: (@Sendable (String) -> Void)?
    /// The machine's clock; replaced in tests.
    var wallClock: @Sendable () -> Duration = { ClockComparison.read(CLOCK_REALTIME) }

    public init(
        bootstrapServers: String, clientID: String = "guanxi", properties: [String: String] = [:],
        token: (@Sendable () async throws -> KafkaToken)? = nil,
        report: @escaping @Sendable (KafkaError) -> Void = { _ in },
        statistics: (@Sendable (String) -> Void)? = nil
    ) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
        self.properties = properties
        self.token = token
        self.report = report
        self.statistics = statistics
    }
}

/// A refused property of librdkafka.
public struct KafkaConfigurationError: Error, Sendable, CustomStringConvertible {
    public let property: String
    public let reason: String

    public var description: String { "Kafka property \(property) is refused: \(reason)" }
}

extension KafkaConfiguration {
    private static let common = [
        "socket.nagle.disable": "true",
        "reconnect.backoff.ms": "50",
        "reconnect.backoff.max.ms": "1000",
        "topic.metadata.refresh.interval.ms": "30000",
        "allow.auto.create.topics": "false",
    ]

    /// A new `rd_kafka_conf_t`; `rd_kafka_new` takes it over.
    func make(_ own: [String: String], events: Int32) throws(KafkaConfigurationError) -> OpaquePointer {
        guard let conf = rd_kafka_conf_new() else { preconditionFailure("rd_kafka_conf_new gave nothing") }
        var all = Self.common.merging(own) { $1 }
        all["bootstrap.servers"] = bootstrapServers
        all["client.id"] = clientID
        if statistics != nil, all["statistics.interval.ms"] == nil { all["statistics.interval.ms"] = "10000" }
        for (name, value) in all.merging(properties, uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
            var reason = [CChar](repeating: 0, count: 256)
            if rd_kafka_conf_set(conf, name, value, &reason, reason.count) != RD_KAFKA_CONF_OK {
                rd_kafka_conf_destroy(conf)
                throw KafkaConfigurationError(property: name, reason: text(reason))
            }
        }
        rd_kafka_conf_set_events(
            conf,
            events | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS
                | RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH)
        // Errors arrive as events; the default callback would write them to stderr as well.
        rd_kafka_conf_set_log_cb(conf, nil)
        return conf
    }
}

/// The text up to the terminating zero.
func text(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
