import CRDKafka
import Runtime
import Synchronization

/// A member of a consumer group.
///
/// The owner asks for one thing after another with ``next(limit:)``. Messages are fetched ahead into a bounded buffer;
/// while it is full the queue is left alone, and when that lasts the partitions are paused, so that rebalances are still
/// served. A revocation takes effect at once: what was fetched of those partitions is dropped.
public final class KafkaConsumer: Sendable {
    /// Partitions given to this member until the next revocation.
    public struct Assignment: Sendable {
        public let partitions: Set<KafkaPartition>
        let generation: Int
    }

    public enum Happening: Sendable {
        /// Answer with ``start(_:at:)``; nothing is fetched before.
        case assigned(Assignment)
        case revoked(Set<KafkaPartition>)
        case messages([ConsumedMessage])
    }

    /// Where to start in a partition.
    public enum Position: Sendable, Hashable {
        case earliest
        case latest
        case offset(Int64)

        var raw: Int64 {
            switch self {
            case .earliest: Int64(RD_KAFKA_OFFSET_BEGINNING)
            case .latest: Int64(RD_KAFKA_OFFSET_END)
            case .offset(let offset): offset
            }
        }
    }

    let state = Mutex(ConsumerState())
    private let handle: KafkaHandle

    public init(
        _ configuration: KafkaConfiguration, group: String, topics: [String], loop: EventLoop
    ) throws {
        let conf = try configuration.make(
            [
                "group.id": group, "partition.assignment.strategy": "range", "enable.auto.offset.store": "false",
                "auto.commit.interval.ms": "1000", "auto.offset.reset": "earliest", "session.timeout.ms": "6000",
                "heartbeat.interval.ms": "1000", "queued.min.messages": "10000", "queued.max.messages.kbytes": "16384",
                "fetch.wait.max.ms": "500", "fetch.error.backoff.ms": "100",
            ], events: RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE)
        let box = WeakConsumer()
        handle = try KafkaHandle(
            RD_KAFKA_CONSUMER, conf: conf, configuration: configuration, loop: loop,
            clockWasPutBack: { error in box.consumer.withLock { $0.value }?.fail(error) },
            beforeServing: { tick in box.consumer.withLock { $0.value }?.mayServe(tick) ?? true },
            handle: { event in box.consumer.withLock { $0.value }?.serve(event) })
        box.consumer.withLock { $0.value = self }
        let subscription = PartitionList(topics.map { KafkaPartition($0, -1) })
        let code = subscription.lend { rd_kafka_subscribe(handle.client, $0) }
        handle.start()
        try KafkaError.check(code)
    }

    /// The next thing that happened; waits for it. Changes of assignment come before messages, and messages in order
    /// per partition. Throws on cancellation and on fatal errors. One caller at a time.
    public func next(limit: Int) async throws -> Happening {
        while true {
            let (happening, action) = try state.withLock { try $0.take(limit) }
            apply(action)
            if let happening { return happening }
            try await waitForWork()
        }
    }

    /// Starts, or starts again, to fetch the assigned partitions at these positions. An assignment that was revoked
    /// meanwhile is ignored.
    public func start(_ assignment: Assignment, at positions: [KafkaPartition: Position]) async throws {
        try await onLoop { [self] in
            guard state.withLock({ $0.restart(assignment) }) else { return }
            let list = PartitionList(
                offsets: assignment.partitions.map {
                    (key: $0, value: (positions[$0] ?? .earliest).raw)
                })
            try KafkaError.check(list.lend { rd_kafka_assign(handle.client, $0) })
            // A pause by ``ConsumerState`` outlives the assignment it was made in.
            _ = list.lend { rd_kafka_resume_partitions(handle.client, $0) }
        }
    }

    /// Whether an assignment still holds.
    public func isCurrent(_ assignment: Assignment) -> Bool { state.withLock { $0.isCurrent(assignment) } }

    /// Whether fetching is paused because the owner is slow.
    public var isPaused: Bool { state.withLock { $0.isPaused } }

    /// Tells the group how far this member is (the offset after the last message done), for tools that show lag.
    public func note(_ offsets: [KafkaPartition: Int64]) {
        let list = PartitionList(offsets: offsets)
        // Refused for partitions that were revoked meanwhile, which is right.
        _ = list.lend { rd_kafka_offsets_store(handle.client, $0) }
    }

    /// Leaves the group and frees the client. A broker that hangs is not waited for longer than the limit, nor one that is
    /// in the middle of a rebalance: it answers a member that leaves only when the others have joined.
    public func close(within limit: Duration = .seconds(1)) async {
        guard
            !state.withLock({ was in
                defer { was.isClosed = true }
                return was.isClosed
            })
        else { return }
        wake()
        if let error = handle.beginClosing() { handle.configuration.report(error) }
        let deadline = ContinuousClock.now + limit
        while rd_kafka_consumer_closed(handle.client) == 0, ContinuousClock.now < deadline {
            handle.nudge()
            try? await Task.sleep(for: .milliseconds(2))
        }
        let isClosed = rd_kafka_consumer_closed(handle.client) != 0
        await handle.destroy(flags: isClosed ? 0 : Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE), waits: isClosed)
    }

    // MARK: - Events, on the loop

    private func mayServe(_ tick: Bool) -> Bool {
        let (may, action) = state.withLock { $0.maySwallow(tick: tick) }
        apply(action)
        return may
    }

    private func serve(_ event: OpaquePointer) {
        switch rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_FETCH:
            while let message = rd_kafka_event_message_next(event) { take(message) }
        case RD_KAFKA_EVENT_REBALANCE:
            rebalance(event)
        case RD_KAFKA_EVENT_ERROR:
            let error = handle.error(of: event)
            if error.isFatal { fail(error) } else { handle.configuration.report(error) }
        default:
            return
        }
        wake()
    }

    private func fail(_ error: KafkaError) {
        handle.configuration.report(error)
        state.withLock { $0.fatal = error }
        wake()
    }

    private func take(_ message: UnsafePointer<rd_kafka_message_t>) {
        guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR, let topic = message.pointee.rkt else {
            handle.configuration.report(KafkaError(message.pointee.err))
            return
        }
        let copy = ConsumedMessage(message, topic: String(cString: rd_kafka_topic_name(topic)))
        state.withLock { $0.append(copy) }
    }

    private func rebalance(_ event: OpaquePointer) {
        let list = rd_kafka_event_topic_partition_list(event)
        let partitions = Set(list.map { PartitionList.read(UnsafePointer($0)).map(\.partition) } ?? [])
        if rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            if state.withLock({ $0.assign(partitions) }) { return }
        } else {
            state.withLock { $0.revoke() }
        }
        rd_kafka_assign(handle.client, nil)
    }

    private func apply(_ action: ConsumerState.Action?) {
        switch action {
        case .pause(let partitions):
            _ = PartitionList(partitions).lend { rd_kafka_pause_partitions(handle.client, $0) }
        case .resume(let partitions):
            _ = PartitionList(partitions).lend { rd_kafka_resume_partitions(handle.client, $0) }
            handle.nudge()
        case .look:
            handle.nudge()
        case nil:
            break
        }
    }

    // MARK: - Waiting

    private func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    private func waitForWork() async throws {
        try Task.checkCancellation()
        await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
                let keep = state.withLock { state in
                    guard !state.hasWork, !Task.isCancelled else { return false }
                    state.waiter = waiter
                    return true
                }
                if !keep { waiter.resume() }
            }
        } onCancel: {
            wake()
        }
        try Task.checkCancellation()
    }

    /// Off the loop a message polled before the call could be buffered after it.
    private func onLoop(_ work: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            handle.loop.execute { done.resume(with: Result { try work() }) }
        }
    }
}

/// Lets the client's events find the consumer without keeping it alive.
private final class WeakConsumer: Sendable {
    struct Reference: Sendable { weak var value: KafkaConsumer? }
    let consumer = Mutex(Reference())
}
