import CRDKafka
import Glibc
import Runtime
import Synchronization

/// One `rd_kafka_t` and the queue whose events a loop serves, woken by an eventfd.
///
/// `@unchecked Sendable`: librdkafka's handles are thread-safe ("Threads and callbacks" in its introduction); the
/// watcher and the timer are only touched on the loop.
final class KafkaHandle: @unchecked Sendable {
    let client: OpaquePointer
    let loop: EventLoop
    let configuration: KafkaConfiguration
    let queue: OpaquePointer
    private let wake: Int32
    private let handle: @Sendable (OpaquePointer) -> Void
    private let beforeServing: @Sendable (_ tick: Bool) -> Bool
    private var watcher: DescriptorWatcher?
    private var timer: ScheduledTimer?
    private let usage = Mutex(Usage())
    private let clocks: ClockComparison
    private let clockWasPutBack: @Sendable (KafkaError) -> Void

    /// Calls of librdkafka under way on other threads than the loop's: the client is not freed under them.
    private struct Usage {
        /// No new calls.
        var isRefusing = false
        /// Nothing is served any more.
        var isClosed = false
        var calls = 0
        var idle: CheckedContinuation<Bool, Never>?
    }

    /// Events served in one go before other work of the loop gets its turn.
    private static let burst = 512

    /// - Parameters:
    ///   - handle: gets each event on the loop; it must not keep it.
    ///   - clockWasPutBack: the client may stand still for as long as that was, and nobody is told: give it up.
    ///   - beforeServing: asked before each event whether to take it; `tick` says that the timer fired.
    init(
        _ type: rd_kafka_type_t, conf: OpaquePointer, configuration: KafkaConfiguration, loop: EventLoop,
        clockWasPutBack: @escaping @Sendable (KafkaError) -> Void,
        beforeServing: @escaping @Sendable (_ tick: Bool) -> Bool = { _ in true },
        handle: @escaping @Sendable (OpaquePointer) -> Void
    ) throws(KafkaConfigurationError) {
        var reason = [CChar](repeating: 0, count: 256)
        guard let client = rd_kafka_new(type, conf, &reason, reason.count) else {
            rd_kafka_conf_destroy(conf)
            throw KafkaConfigurationError(property: "client", reason: text(reason))
        }
        if type == RD_KAFKA_CONSUMER { rd_kafka_poll_set_consumer(client) }
        let queue = type == RD_KAFKA_CONSUMER ? rd_kafka_queue_get_consumer(client) : rd_kafka_queue_get_main(client)
        guard let queue else { preconditionFailure("a new client has its queue") }
        self.client = client
        self.queue = queue
        self.configuration = configuration
        self.loop = loop
        self.handle = handle
        self.clockWasPutBack = clockWasPutBack
        clocks = ClockComparison(configuration.wallClock)
        self.beforeServing = beforeServing
        wake = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        precondition(wake >= 0, "no descriptor left for an eventfd")
    }

    /// From now on ``use(_:)`` throws; events are still served.
    func refuse() { usage.withLock { $0.isRefusing = true } }

    /// Runs a call of librdkafka, from any thread; throws when the client is closed.
    func use<Value>(_ call: (OpaquePointer) throws -> Value) throws -> Value {
        try usage.withLock { usage in
            guard !usage.isRefusing else { throw KafkaError.closed }
            usage.calls += 1
        }
        defer {
            let idle = usage.withLock { usage in
                usage.calls -= 1
                guard usage.calls == 0 else { return CheckedContinuation<Bool, Never>?.none }
                defer { usage.idle = nil }
                return usage.idle
            }
            idle?.resume(returning: true)
        }
        return try call(client)
    }

    /// Starts serving; call it once, when the owner is able to take events.
    func start() {
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, wake, &one, 8)
        loop.execute { [self] in
            do {
                let watcher = try DescriptorWatcher(loop: loop, descriptor: wake)
                self.watcher = watcher
                watcher.start(.readable) { [weak self] _ in self?.serve(tick: false) }
            } catch {
                // The timer below still serves the queue, only later.
                configuration.report(KafkaError(RD_KAFKA_RESP_ERR__FAIL, "\(error)"))
            }
            timer = loop.schedule(after: .milliseconds(250), repeating: .milliseconds(250)) { [weak self] in
                self?.compareClocks()
                self?.serve(tick: true)
            }
            // Enabled while events wait the queue never wakes: look once unasked.
            serve(tick: false)
        }
    }

    /// librdkafka 2.0 waits for times of the wall clock. Put back by an hour, it lets its threads wait an hour longer.
    private func compareClocks() {
        guard let back = clocks.putBack() else { return }
        clockWasPutBack(
            KafkaError(
                RD_KAFKA_RESP_ERR__FATAL, "The clock was put back by \(back): another client takes over.", isFatal: true
            ))
    }

    /// Makes the loop look at the queue.
    func nudge() {
        usage.withLock { usage in
            // The number may be somebody else's by then.
            guard !usage.isClosed else { return }
            var one: UInt64 = 1
            _ = write(wake, &one, 8)
        }
    }

    private func serve(tick: Bool) {
        guard !usage.withLock({ $0.isClosed }) else { return }
        var count: UInt64 = 0
        _ = read(wake, &count, 8)
        var tick = tick
        for _ in 0..<Self.burst {
            guard beforeServing(tick) else { return }
            tick = false
            guard let event = rd_kafka_queue_poll(queue, 0) else { return }
            dispatch(event)
            rd_kafka_event_destroy(event)
        }
        nudge()
    }

    private func dispatch(_ event: OpaquePointer) {
        switch rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_STATS:
            if let json = rd_kafka_event_stats(event) { configuration.statistics?(String(cString: json)) }
        case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
            refreshToken()
        default:
            handle(event)
        }
    }

    private func refreshToken() {
        guard let source = configuration.token else {
            rd_kafka_oauthbearer_set_token_failure(client, "no source of tokens is configured")
            return
        }
        Task(executorPreference: loop) { [self] in
            let token: Result<KafkaToken, any Error>
            do { token = .success(try await source()) } catch { token = .failure(error) }
            // A client that is closed needs no token.
            try? use { _ in set(token) }
        }
    }

    private func set(_ token: Result<KafkaToken, any Error>) {
        switch token {
        case .success(let token):
            var reason = [CChar](repeating: 0, count: 256)
            let code = rd_kafka_oauthbearer_set_token(
                client, token.value, token.expiresAt, token.principal, nil, 0, &reason, reason.count)
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { rd_kafka_oauthbearer_set_token_failure(client, text(reason)) }
        case .failure(let error):
            rd_kafka_oauthbearer_set_token_failure(client, "\(error)")
        }
    }

    /// The error of an error event, with the fatal one behind it if there is one.
    func error(of event: OpaquePointer) -> KafkaError {
        var reason = [CChar](repeating: 0, count: 256)
        let fatal = rd_kafka_fatal_error(client, &reason, reason.count)
        if fatal != RD_KAFKA_RESP_ERR_NO_ERROR { return KafkaError(fatal, text(reason), isFatal: true) }
        return KafkaError(rd_kafka_event_error(event), rd_kafka_event_error_string(event).map { String(cString: $0) })
    }

    /// Refuses further calls, waits for those under way, runs `cleaning` and frees the client. Destroying waits for
    /// librdkafka's threads, so it is done off the loop. A client whose calls do not end within the patience (a broker
    /// that hangs) is left to the end of the process.
    ///
    /// - Parameter waits: false for a client that owes a broker something: librdkafka takes its time (5 s) until it gives
    ///   that up.
    func destroy(
        flags: Int32, waits: Bool = true, patience: Duration = .seconds(4),
        cleaning: @escaping @Sendable () -> Void = {}
    ) async {
        guard
            !usage.withLock({ usage in
                defer { (usage.isRefusing, usage.isClosed) = (true, true) }
                return usage.isClosed
            })
        else { return }
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            loop.execute { [self] in
                timer?.cancel()
                watcher?.close()
                watcher = nil
                done.resume()
            }
        }
        guard await callsEnded(within: patience) else { return }
        cleaning()
        rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        rd_kafka_queue_destroy(queue)
        let free = { @Sendable [self] in
            rd_kafka_destroy_flags(client, flags)
            _ = Glibc.close(wake)
        }
        if waits { try? await Blocking.run(free) } else { Blocking.detach(free) }
    }

    private func callsEnded(within patience: Duration) async -> Bool {
        let timer = loop.schedule(after: patience) { [self] in
            usage.withLock { usage in
                defer { usage.idle = nil }
                return usage.idle
            }?.resume(returning: false)
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { idle in
            let isIdle = usage.withLock { usage in
                if usage.calls > 0 { usage.idle = idle }
                return usage.calls == 0
            }
            if isIdle { idle.resume(returning: true) }
        }
    }
}

extension KafkaHandle {
    /// Begins to leave the group; the events of it arrive on the queue served anyway.
    func beginClosing() -> KafkaError? {
        rd_kafka_consumer_close_queue(client, queue).map { KafkaError(consuming: $0) }
    }
}
