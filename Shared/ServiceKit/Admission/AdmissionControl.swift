import HTTP
import JSON
import Runtime
import Synchronization
import Values

/// Lets no more requests in than can be answered soon, each tenant its share, and turns the rest away at once.
///
/// What is let in beyond that would only wait further on, where it costs memory and everybody's time. Comes after the
/// proof of identity; of those that need none, each address has its share. Operators always get in: they are who ends an
/// overload.
public final class AdmissionControl: Middleware {
    /// What is read of a body before its request takes a place: who sends slowly must not hold one.
    static let readFirst = 64 * 1024

    private let quick: AdmissionLane
    let long: AdmissionLane
    let files: AdmissionLane
    let heavy: AdmissionLane

    /// - Parameters:
    ///   - quick: for ordinary requests.
    ///   - long: for those that move much data.
    ///   - files: for files that are stored as they come.
    ///   - heavy: for those that take a processor each.
    public init(
        quick: AdmissionOptions = AdmissionOptions(), long: AdmissionOptions, files: AdmissionOptions = .files,
        heavy: AdmissionOptions = .heavy, group: EventLoopGroup, metrics: MetricsRegistry, logger: Logger
    ) {
        let refused = metrics.counters(
            "guanxi_admission_refused_total", help: "Requests turned away because too much was asked at once.",
            labels: ["lane"])
        func lane(_ name: String, _ options: AdmissionOptions) -> AdmissionLane {
            AdmissionLane(name, options, group: group, refused: refused.labelled(name), logger: logger)
        }
        let lanes = [lane("quick", quick), lane("long", long), lane("files", files), lane("heavy", heavy)]
        (self.quick, self.long, self.files, self.heavy) = (lanes[0], lanes[1], lanes[2], lanes[3])
        func provide(_ name: String, _ help: String, _ value: @escaping @Sendable (AdmissionLane.Load) -> Double) {
            metrics.provide("guanxi_admission_\(name)", .gauge, help: help) {
                lanes.map { .init(value($0.load), [(name: "lane", value: $0.name)]) }
            }
        }
        provide("limit", "Requests that may run at once.") { $0.limit }
        provide("running", "Requests that run.") { Double($0.running) }
        provide("waiting", "Requests that wait for their turn.") { Double($0.waiting) }
    }

    /// Whether requests that somebody waits for run now, or even wait: for work that can wait itself.
    public var isBusy: Bool { quick.load.running > 0 }
    public var isCrowded: Bool { quick.load.waiting > 0 }

    /// Whether somebody else than a tenant has asked for something within this time.
    public func serves(othersThan tenant: TenantID, within time: Duration) -> Bool {
        quick.latest(besides: .tenant(tenant)).map { $0.duration(to: .now) < time } ?? false
    }

    public func respond(
        to call: Call, next: @Sendable (Call) async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        let principal = call.principal
        if principal?.kind == .operator { return try await next(call) }
        let party = principal?.tenant.map { AdmissionParty.tenant($0) } ?? .network(call.request.remoteNetwork)
        var call = call
        let lane = lane(of: call)
        if lane === long || lane === files {
            call.request.body = call.request.body.paced(whileAnybodyWaits: { lane.load.waiting > 0 })
        } else if case .stream = call.request.body.content {
            call.request.body = .bytes(try await call.request.body.collect(upTo: Self.readFirst))
        }
        let ready = call
        return try await lane.run(for: party) { try await next(ready) }
    }

    private func lane(of call: Call) -> AdmissionLane {
        switch call.lane {
        case .quick: Self.bringsMuch(call) ? long : quick
        case .bulk: long
        case .files: files
        case .heavy: heavy
        }
    }

    /// Whether a call brings a body that is not small. Where little is taken none does, whatever is sent.
    private static func bringsMuch(_ call: Call) -> Bool {
        if let body = call.body, body.limit <= readFirst { return false }
        return call.request.body.length.map { $0 > readFirst } ?? true
    }
}

/// Who competes with others for places.
enum AdmissionParty: Sendable, Hashable {
    case tenant(TenantID)
    /// Of whoever has not proven who he is, see ``HTTPRequest/remoteNetwork``.
    case network(String)
}

/// Requests of one kind, which compete with each other.
final class AdmissionLane: Sendable {
    struct Load: Sendable {
        let limit: Double
        let running, waiting: Int
    }

    private struct State {
        var queue: AdmissionQueue<AdmissionParty>
        var nextID: UInt64 = 0
        var waiters: [UInt64: Waiter] = [:]
        /// What was decided of requests that had not begun to wait.
        var early: [UInt64: Result<Void, any Error>] = [:]
        var turnedAway = 0
        var told: ContinuousClock.Instant?

        /// The waiter to resume with a decision; nil when it is not there yet, and will find the decision.
        mutating func decide(_ id: UInt64, _ decision: Result<Void, any Error>) -> Waiter? {
            if let waiter = waiters.removeValue(forKey: id) { return waiter }
            early[id] = decision
            return nil
        }
    }

    private typealias Waiter = CheckedContinuation<Void, any Error>

    let name: String
    private let group: EventLoopGroup
    private let refused: Counter
    private let logger: Logger
    private let state: Mutex<State>

    init(_ name: String, _ options: AdmissionOptions, group: EventLoopGroup, refused: Counter, logger: Logger) {
        (self.name, self.group, self.refused, self.logger) = (name, group, refused, logger)
        state = Mutex(State(queue: AdmissionQueue(options, now: .now)))
    }

    var load: Load {
        state.withLock { Load(limit: $0.queue.limit, running: $0.queue.running, waiting: $0.queue.waiting) }
    }

    func latest(besides party: AdmissionParty) -> ContinuousClock.Instant? {
        state.withLock { $0.queue.latest(besides: party) }
    }

    /// Runs `body` when it is its turn.
    /// - Throws: a 503 problem when that is not soon.
    func run<Value: Sendable>(
        for party: AdmissionParty, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        try await enter(party)
        let began = ContinuousClock.now
        defer { leave(party, began) }
        return try await body()
    }

    private func leave(_ party: AdmissionParty, _ began: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        let waiters = state.withLock { state in
            state.queue.finish(party, took: began.duration(to: now), now: now).compactMap {
                state.decide($0, .success(()))
            }
        }
        for waiter in waiters { waiter.resume() }
    }

    private func enter(_ party: AdmissionParty) async throws {
        let (id, arrival, evicted) = state.withLock { state in
            let now = ContinuousClock.now
            state.nextID += 1
            let (arrival, evicted) = state.queue.arrive(state.nextID, of: party, now: now)
            return (state.nextID, arrival, evicted)
        }
        if let evicted { end(evicted, refusal()) }
        switch arrival {
        case .runs: return
        case .refused: throw refusal()
        case .waits(let patience): try await wait(id, party, patience)
        }
    }

    private func wait(_ id: UInt64, _ party: AdmissionParty, _ patience: Duration) async throws {
        let timer = group.here.schedule(after: patience) { [self] in
            if withdraw(id, party) { end(id, refusal()) }
        }
        defer { timer.cancel() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: Waiter) in
                let decision = state.withLock { state in
                    let decision = state.early.removeValue(forKey: id)
                    if decision == nil { state.waiters[id] = waiter }
                    return decision
                }
                if let decision { waiter.resume(with: decision) }
            }
        } onCancel: {
            if withdraw(id, party) { end(id, CancellationError()) }
        }
    }

    private func withdraw(_ id: UInt64, _ party: AdmissionParty) -> Bool {
        state.withLock { $0.queue.withdraw(id, of: party) }
    }

    /// Ends the wait of a request that is in the queue no longer.
    private func end(_ id: UInt64, _ error: any Error) {
        state.withLock { $0.decide(id, .failure(error)) }?.resume(throwing: error)
    }

    private func refusal() -> Problem {
        refused.increment()
        let count = state.withLock { state -> Int? in
            state.turnedAway += 1
            let now = ContinuousClock.now
            if let told = state.told, told.duration(to: now) < .seconds(10) { return nil }
            defer { (state.turnedAway, state.told) = (0, now) }
            return state.turnedAway
        }
        if let count {
            logger.warning(
                "more is asked than can be done: requests are turned away",
                ["lane": .string(name), "since the last such line": .int(Int64(count))])
        }
        RequestScope.current?.isTurnedAway = true
        return Problem(.overloaded, retryAfter: .seconds(1))
    }
}
