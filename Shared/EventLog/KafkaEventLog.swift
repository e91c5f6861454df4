import Kafka
import Runtime
import Synchronization
import Values

/// The event log on Apache Kafka: what every real deployment runs.
public final class KafkaEventLog: EventLog {
    public let name = "kafka"
    public let appendPace = Duration.milliseconds(1)
    private let configuration: KafkaConfiguration
    private let group: EventLoopGroup
    private let retention: Duration?
    private let state = Mutex(State())

    private struct State {
        var producer: KafkaProducer?
        var isClosed = false
        /// Topics of which was said that they keep events for another time.
        var told: Set<String> = []
    }

    /// - Parameter retention: how long topics that are made here keep events; what the broker says if nil. Those that are
    ///   there stay as they are: one that keeps events for less is reported.
    public init(_ configuration: KafkaConfiguration, group: EventLoopGroup, retention: Duration? = nil) {
        self.configuration = configuration
        self.group = group
        self.retention = retention
    }

    // MARK: - Topics

    public func createTopics(_ topics: [String], partitions: Int) async throws {
        let admin = try client().admin
        try await admin.create(topics, partitions: partitions, retention: retention)
        // A broker may forbid to look.
        if let retention, let kept = try? await admin.retention(of: topics) { tell(of: kept, below: retention) }
    }

    private func tell(of kept: [String: Duration], below retention: Duration) {
        for (topic, time) in kept.sorted(by: { $0.key < $1.key }) where time < retention {
            guard state.withLock({ $0.told.insert(topic).inserted }) else { continue }
            configuration.report(
                KafkaError(
                    describing: "The topic \(topic) keeps events for \(Int(time.inSeconds)) s only, not for "
                        + "\(Int(retention.inSeconds)) s: set its retention.ms to \(retention.microseconds / 1_000)"))
        }
    }

    public func bounds(of topic: String) async throws -> [Int: Range<Int64>] {
        try await perPartition(topic) { admin, partition in try await admin.bounds(of: partition) }
    }

    public func offsets(of topic: String, at time: Timestamp) async throws -> [Int: Int64] {
        try await perPartition(topic) { admin, partition in
            // Kafka counts in milliseconds: the first at or after the moment is looked for from the next whole one.
            let milliseconds = (time.microseconds + 999) / 1000
            let found = try await admin.offsets(at: milliseconds, of: [partition])[partition] ?? -1
            return found >= 0 ? found : try await admin.bounds(of: partition).upperBound
        }
    }

    private func perPartition<Value: Sendable>(
        _ topic: String, _ ask: @escaping @Sendable (KafkaAdmin, KafkaPartition) async throws -> Value
    ) async throws -> [Int: Value] {
        let admin = try client().admin
        do {
            let count = try await admin.partitions(of: topic)
            return try await withThrowingTaskGroup(of: (Int, Value).self) { tasks in
                for partition in 0..<count {
                    tasks.addTask { (partition, try await ask(admin, KafkaPartition(topic, Int32(partition)))) }
                }
                return try await tasks.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
        } catch let error as KafkaError where error.isUnknownTopic {
            throw EventLogError.unknownTopic(topic)
        }
    }

    public func isReachable() async -> Bool {
        guard let client = try? client() else { return false }
        return await client.admin.isReachable()
    }

    // MARK: - Appending

    public func append(_ records: [EventRecord], to topic: String) async throws {
        try records.validate(for: topic)
        let producer = try client()
        do { try await producer.send(records.count, to: topic) { records[$0].message } } catch let error as KafkaError {
            if error.isUnknownTopic { throw EventLogError.unknownTopic(topic) }
            throw EventLogError.notDelivered(topic: topic, reason: error.description)
        }
    }

    func client() throws -> KafkaProducer {
        try state.withLock { state in
            if state.isClosed { throw EventLogError.closed }
            if let producer = state.producer, !producer.hasFailed { return producer }
            let failed = state.producer
            let producer = try KafkaProducer(configuration, loop: group.next())
            state.producer = producer
            if let failed { Task(executorPreference: group.next()) { await failed.close(within: .zero) } }
            return producer
        }
    }

    public func close() async {
        let producer = state.withLock { state in
            state.isClosed = true
            defer { state.producer = nil }
            return state.producer
        }
        guard let producer else { return }
        // Also when whoever closes it has no time left: it ends by itself after a few seconds.
        await Task(executorPreference: group.next()) { await producer.close() }.value
    }

    // MARK: - Consuming

    public func consume(group name: String, topics: [String], batch: Int, subscriber: any EventSubscriber) async throws
    {
        let loop = group.here
        let consumer = try KafkaConsumer(configuration, group: name, topics: topics, loop: loop)
        let outcome: Result<Void, any Error>
        do {
            try await feed(subscriber, from: consumer, batch: batch)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        // Leaving the group must go on although this task is cancelled.
        await Task(executorPreference: loop) { await consumer.close() }.value
        try outcome.get()
    }

    private func feed(_ subscriber: any EventSubscriber, from consumer: KafkaConsumer, batch: Int) async throws {
        var assignment: KafkaConsumer.Assignment?
        while true {
            switch try await consumer.next(limit: batch) {
            case .assigned(let given):
                assignment = given
                try await start(given, subscriber, consumer)
            case .revoked(let partitions):
                assignment = nil
                await subscriber.revoked(Set(partitions.map(\.topicPartition)))
            case .messages(let messages):
                do {
                    try await subscriber.receive(messages.map(\.stored))
                    consumer.note(messages.reduce(into: [:]) { $0[$1.source] = $1.offset + 1 })
                } catch is EventReset {
                    if let assignment { try await start(assignment, subscriber, consumer) }
                }
            }
        }
    }

    /// Asks for positions until there are some: the database or the broker may be away for a while.
    private func start(
        _ assignment: KafkaConsumer.Assignment, _ subscriber: any EventSubscriber, _ consumer: KafkaConsumer
    ) async throws {
        while consumer.isCurrent(assignment) {
            do {
                let positions = try await subscriber.assigned(Set(assignment.partitions.map(\.topicPartition)))
                try await consumer.start(
                    assignment,
                    at: positions.reduce(into: [:]) { all, entry in
                        all[entry.key.kafka] = entry.value.kafka
                    })
                return
            } catch {
                try Task.checkCancellation()
                configuration.report(KafkaError(describing: "No positions yet: \(error)"))
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}

extension KafkaPartition {
    fileprivate var topicPartition: TopicPartition { TopicPartition(topic, Int(partition)) }
}

extension TopicPartition {
    fileprivate var kafka: KafkaPartition { KafkaPartition(topic, Int32(partition)) }
}

extension EventPosition {
    fileprivate var kafka: KafkaConsumer.Position {
        switch self {
        case .earliest: .earliest
        case .latest: .latest
        case .offset(let offset): .offset(offset)
        }
    }
}

extension ConsumedMessage {
    fileprivate var stored: StoredRecord {
        StoredRecord(
            source: source.topicPartition, offset: offset, time: Timestamp(milliseconds: timestamp),
            record: EventRecord(
                key: String(decoding: message.key ?? [], as: UTF8.self),
                headers: message.headers, body: message.value))
    }
}

extension EventRecord {
    fileprivate var message: KafkaMessage { KafkaMessage(key: Array(key.utf8), headers: headers, value: body) }
}

extension [EventRecord] {
    /// Refuses what a log cannot hold, before any of it is appended.
    func validate(for topic: String) throws(EventLogError) {
        for record in self {
            if record.key.isEmpty { throw .emptyKey(topic: topic) }
            if let body = record.body, body.count > maximumEventBody {
                throw .bodyTooLarge(topic: topic, key: record.key, bytes: body.count)
            }
        }
    }
}
