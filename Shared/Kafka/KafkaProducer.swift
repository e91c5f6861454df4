import CRDKafka
import Runtime
import Synchronization

/// An idempotent producer: what was accepted is delivered once and in order per partition while the producer lives.
///
/// Delivery never times out by itself; a broker that is away is waited for. Give up by cancelling the task, or by
/// ``close(within:)``. After a fatal error every call throws one with ``KafkaError/isFatal``: make a new producer.
public final class KafkaProducer: Sendable {
    private struct State {
        var isClosed = false
        var fatal: KafkaError?
        var topics: [String: TopicHandle] = [:]
    }

    private let state = Mutex(State())
    let handle: KafkaHandle

    public init(_ configuration: KafkaConfiguration, loop: EventLoop) throws(KafkaConfigurationError) {
        let conf = try configuration.make(
            [
                "enable.idempotence": "true", "acks": "all", "linger.ms": "0", "message.timeout.ms": "0",
                "partitioner": "murmur2_random", "queue.buffering.max.messages": "20000",
                "queue.buffering.max.kbytes": "65536",
            ], events: RD_KAFKA_EVENT_DR)
        let box = WeakProducer()
        handle = try KafkaHandle(
            RD_KAFKA_PRODUCER, conf: conf, configuration: configuration, loop: loop,
            clockWasPutBack: { error in box.producer.withLock { $0.value }?.fail(error) },
            handle: { event in box.producer.withLock { $0.value }?.serve(event) })
        box.producer.withLock { $0.value = self }
        handle.start()
    }

    /// Produces messages in their order and returns when the brokers acknowledged all of them.
    ///
    /// Waits while librdkafka's queue is full. When it throws some may have been delivered, or still be on their way.
    public func send(_ messages: [KafkaMessage], to topic: String) async throws {
        try await send(messages.count, to: topic) { messages[$0] }
    }

    /// As ``send(_:to:)``, for messages that are made one by one when it is their turn: librdkafka copies them.
    public func send(_ count: Int, to topic: String, message: @Sendable (Int) -> KafkaMessage) async throws {
        guard count > 0 else { return }
        let target = try topicHandle(topic)
        let delivery = Delivery(count: count)
        var vector = ProduceVector()
        for index in 0..<count {
            let message = message(index)
            do {
                while let refusal = try handle.use({ vector.produce(message, to: target, on: $0, delivery) }) {
                    guard refusal.code == RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue else { throw refusal }
                    try await waitForSpace()
                }
            } catch {
                // What was accepted so far is reported on its own; only the rest will never be.
                delivery.abandon(count - index)
                throw note(error)
            }
        }
        do { try await delivery.wait() } catch { throw note(error) }
    }

    /// Messages not yet acknowledged.
    public var pending: Int { (try? handle.use { Int(rd_kafka_outq_len($0)) }) ?? 0 }

    /// Requests about topics and offsets, through this client's connections.
    public var admin: KafkaAdmin { KafkaAdmin(handle: handle) }

    /// Waits for what was accepted up to a time, then drops the rest (their senders get an error) and frees the client.
    public func close(within limit: Duration = .seconds(3)) async {
        guard
            !state.withLock({ was in
                defer { was.isClosed = true }
                return was.isClosed
            })
        else { return }
        // What is produced from here on would have nobody who reports it.
        handle.refuse()
        let deadline = ContinuousClock.now + limit
        while rd_kafka_outq_len(handle.client) > 0, ContinuousClock.now < deadline { await pause() }
        rd_kafka_purge(handle.client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        let end = ContinuousClock.now + .seconds(1)
        while rd_kafka_outq_len(handle.client) > 0, ContinuousClock.now < end { await pause() }
        await handle.destroy(flags: 0, waits: !hasFailed) { [self] in
            let topics = state.withLock { state in
                defer { state.topics = [:] }
                return state.topics.values
            }
            for topic in topics { rd_kafka_topic_destroy(topic.pointer) }
        }
    }

    private func pause() async {
        handle.nudge()
        try? await Task.sleep(for: .milliseconds(2))
    }

    // MARK: - Events, on the loop

    private func serve(_ event: OpaquePointer) {
        switch rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_DR:
            while let report = rd_kafka_event_message_next(event) {
                guard let opaque = report.pointee._private else { continue }
                Unmanaged<Delivery>.fromOpaque(opaque).takeRetainedValue().report(report.pointee.err)
            }
        case RD_KAFKA_EVENT_ERROR:
            let error = handle.error(of: event)
            if error.isFatal { fail(error) } else { handle.configuration.report(error) }
        default:
            break
        }
    }

    /// From now on nothing is sent. Who waits for an answer to what was sent would wait for ever.
    private func fail(_ error: KafkaError) {
        state.withLock { $0.fatal = error }
        rd_kafka_purge(handle.client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        handle.configuration.report(error)
    }

    /// Whether the client failed for good.
    public var hasFailed: Bool { state.withLock { $0.fatal != nil } }

    // MARK: - Space and topics

    /// Until delivery reports made room; thousands of messages are queued, so a millisecond starves nothing.
    private func waitForSpace() async throws {
        try await Task.sleep(for: .milliseconds(1))
        if state.withLock({ $0.isClosed }) { throw KafkaError.closed }
    }

    private func topicHandle(_ name: String) throws -> TopicHandle {
        try state.withLock { state in
            if state.isClosed { throw KafkaError.closed }
            if let fatal = state.fatal { throw fatal }
            if let known = state.topics[name] { return known }
            guard let pointer = try handle.use({ rd_kafka_topic_new($0, name, nil) }) else {
                throw KafkaError(rd_kafka_last_error())
            }
            let made = TopicHandle(pointer: pointer)
            state.topics[name] = made
            return made
        }
    }

    /// The fatal error that is behind an error, if there is one.
    private func note(_ error: any Error) -> any Error { state.withLock { $0.fatal } ?? error }
}

/// Lets the client's events find the producer without keeping it alive.
private final class WeakProducer: Sendable {
    struct Reference: Sendable { weak var value: KafkaProducer? }
    let producer = Mutex(Reference())
}

/// `@unchecked Sendable`: `rd_kafka_topic_t` is thread-safe like its client.
struct TopicHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}
