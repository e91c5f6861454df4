import Values

/// An ordered, partitioned, replayable log of records: topics, partitions, keys, offsets and consumer groups.
///
/// Two implementations keep the same promises, proven by one conformance suite: ``KafkaEventLog`` and
/// ``PostgresEventLog``. Delivery is at least once; records of one key are delivered in the order of their append.
public protocol EventLog: Sendable {
    /// What runs, for logs and health: "kafka" or "postgres".
    var name: String { get }

    /// Appends that follow one another faster cost more than the time they save: a relay makes its rounds no faster, and
    /// more slowly while many events share one.
    var appendPace: Duration { get }

    /// Makes the topics that do not exist yet; existing ones are left as they are.
    func createTopics(_ topics: [String], partitions: Int) async throws

    /// Appends records in their order and returns when the log holds all of them durably.
    /// After an error some may have been appended: append all of them again, in the same order.
    func append(_ records: [EventRecord], to topic: String) async throws

    /// Takes part in a consumer group and feeds `subscriber` until the task is cancelled; then leaves the group.
    /// One call to the subscriber at a time, of at most `batch` records. Throws only what cannot be healed by trying
    /// again.
    func consume(group: String, topics: [String], batch: Int, subscriber: any EventSubscriber) async throws

    /// First offset at or after a moment, per partition; partitions without such a record give their end.
    func offsets(of topic: String, at time: Timestamp) async throws -> [Int: Int64]

    /// Oldest offset held and the offset the next record will get, per partition.
    func bounds(of topic: String) async throws -> [Int: Range<Int64>]

    /// Whether the log answers, within a few seconds. For readiness.
    func isReachable() async -> Bool

    /// Gives up connections after what was accepted has been delivered or a few seconds have passed.
    func close() async
}

/// The other side of ``EventLog/consume(group:topics:batch:subscriber:)``.
public protocol EventSubscriber: Sendable {
    /// Partitions were given to this member: say where to begin in each. Missing ones begin at the earliest record.
    func assigned(_ partitions: Set<TopicPartition>) async throws -> [TopicPartition: EventPosition]

    /// Partitions were taken away: nothing more of them will come until they are assigned again.
    func revoked(_ partitions: Set<TopicPartition>) async

    /// Records in order per partition. Returning says they are done with; nothing more is delivered meanwhile,
    /// so waiting here is the back-pressure. ``EventReset`` makes the log ask for positions again; any other
    /// error ends the consumption.
    func receive(_ batch: [StoredRecord]) async throws
}

/// Thrown by a subscriber whose positions are no longer the ones it was reading from.
public struct EventReset: Error, Sendable {
    public init() {}
}

extension EventLog {
    /// Partitions of the services' topics, fixed for ever since a key's partition must not change.
    public static var standardPartitions: Int { 12 }
}

/// Largest body of one record, in bytes. Both logs and the outbox refuse more.
public let maximumEventBody = 900_000

extension Duration {
    /// The pace of something that costs about the same whatever it carries, after one that carried so many events: when
    /// they come fast, more of them share the next.
    func shared(by count: Int) -> Duration { count < 8 ? self : self * 2.5 }
}
