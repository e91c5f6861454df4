import Runtime
import Synchronization
import Testing
import Values

@testable import HTTP
@testable import ServiceKit

/// Who is let in, decided without I/O.
@Suite struct AdmissionQueueTests {
    private let start = ContinuousClock.now

    private func queue(_ limit: Int, waiting: Int = 4, share: Double = 1) -> AdmissionQueue<String> {
        var options = AdmissionOptions.fixed(limit, share: share)
        options.waiting = waiting
        return AdmissionQueue(options, now: start)
    }

    @Test func soManyRunAndSoManyWait() {
        var queue = queue(2, waiting: 2)
        #expect(queue.arrive(1, of: "a", now: start).0 == .runs)
        #expect(queue.arrive(2, of: "a", now: start).0 == .runs)
        #expect(queue.arrive(3, of: "a", now: start).0 == .waits(.seconds(5)))
        #expect(queue.arrive(4, of: "a", now: start).0 == .waits(.seconds(5)))
        #expect(queue.arrive(5, of: "a", now: start) == (.refused, nil))
        #expect(queue.finish("a", took: .zero, now: start) == [3])
        let isWaiting = queue.withdraw(4, of: "a")
        let ranLongSince = queue.withdraw(3, of: "a")
        #expect(isWaiting && !ranLongSince)
        #expect(queue.finish("a", took: .zero, now: start) == [])
        #expect(queue.running == 1 && queue.waiting == 0)
    }

    /// A tenant with many requests delays another by one that runs, not by all that wait.
    @Test func whoHasFewestRunningIsNext() {
        var queue = queue(2, waiting: 10)
        for id in 1...6 { _ = queue.arrive(UInt64(id), of: "many", now: start) }
        #expect(queue.arrive(7, of: "few", now: start).0 == .waits(.seconds(5)))
        #expect(queue.finish("many", took: .zero, now: start) == [7])
        #expect(queue.finish("few", took: .zero, now: start) == [3])
    }

    @Test func aTenantLeavesRoomForOthers() {
        var queue = queue(4, share: 0.75)
        for id in 1...3 { #expect(queue.arrive(UInt64(id), of: "many", now: start).0 == .runs) }
        #expect(queue.arrive(4, of: "many", now: start).0 == .waits(.seconds(5)))
        #expect(queue.arrive(5, of: "few", now: start).0 == .runs)
        #expect(queue.finish("few", took: .zero, now: start) == [])
        #expect(queue.finish("many", took: .zero, now: start) == [4])
    }

    /// What is kept for others is of use only while there are some.
    @Test func whoIsAloneMayHaveAll() {
        var options = AdmissionOptions()
        (options.limit, options.bounds) = (4, 4...4)
        var queue = AdmissionQueue<String>(options, now: start)
        for id in 1...4 { #expect(queue.arrive(UInt64(id), of: "many", now: start).0 == .runs) }
        #expect(queue.arrive(5, of: "many", now: start).0 == .waits(options.patience))
        // Another comes: it is next, and the many have three until it has been away for a while.
        #expect(queue.arrive(6, of: "few", now: start).0 == .waits(options.patience))
        #expect(queue.finish("many", took: .zero, now: start) == [6])
        #expect(queue.finish("few", took: .zero, now: start) == [])
        let later = start + .seconds(10)
        #expect(queue.arrive(7, of: "many", now: later).0 == .runs)
        #expect(queue.finish("many", took: .zero, now: later) == [5])
    }

    /// The queue is full of one tenant's: its newest gives way to another's first.
    @Test func whoWaitsMostGivesWay() {
        var queue = queue(1, waiting: 3)
        for id in 1...4 { _ = queue.arrive(UInt64(id), of: "many", now: start) }
        #expect(queue.arrive(5, of: "many", now: start) == (.refused, nil))
        #expect(queue.arrive(6, of: "few", now: start) == (.waits(.seconds(5)), 4))
        #expect(queue.waiting == 3)
        #expect(queue.finish("many", took: .zero, now: start) == [6])
    }

    /// One after the other, each of which takes so long, while two more always wait: how long who comes after a second
    /// may wait.
    private func patience(whenEachTakes duration: Duration) -> AdmissionQueue<String>.Arrival {
        var options = AdmissionOptions()
        options.limit = 1
        options.bounds = 1...1
        var queue = AdmissionQueue<String>(options, now: start)
        for id in 1...3 { _ = queue.arrive(UInt64(id), of: "a", now: start) }
        var (now, id) = (start, UInt64(4))
        while now < start + .seconds(1) {
            now += duration
            _ = queue.finish("a", took: duration, now: now)
            _ = queue.arrive(id, of: "a", now: now)
            id += 1
        }
        return queue.arrive(id, of: "a", now: now).0
    }

    /// Who comes while all have waited long for a while may wait for a shorter time than in a burst; that some wait at
    /// any time, shortly, is no reason.
    @Test func patienceIsForBursts() {
        let options = AdmissionOptions()
        #expect(patience(whenEachTakes: .milliseconds(100)) == .waits(options.shortPatience))
        #expect(patience(whenEachTakes: .milliseconds(2)) == .waits(options.patience))
    }

    @Test func theLimitFollowsWhatRequestsTake() {
        let options = AdmissionOptions()
        var (pace, limit, now) = (Pace(start), options.limit, start)
        func quarters(_ count: Int, _ duration: Duration, running: Double) {
            for _ in 0..<count * 20 {
                now += .milliseconds(25)
                pace.most = min(running, limit)
                limit = pace.note(duration, limit: limit, options, now: now)
            }
        }
        quarters(4, .milliseconds(10), running: 5)
        #expect(limit == options.limit)
        // Slow for another reason than too many at once.
        quarters(4, .seconds(1), running: 5)
        #expect(limit == options.limit)
        quarters(4, .milliseconds(10), running: 1000)
        #expect(limit > options.limit)
        quarters(40, .milliseconds(500), running: 1000)
        #expect(limit == options.bounds.lowerBound)
        // A bad time is forgotten without a crowd; more than at first is for a crowd only.
        quarters(40, .milliseconds(10), running: 1)
        #expect(limit >= options.limit && limit < options.limit * 1.2)
        quarters(40, .milliseconds(10), running: 1000)
        #expect(limit == options.bounds.upperBound)
    }
}

@Suite struct LatestArrivalsTests {
    @Test func itKnowsWhenAnybodyElseCameLast() {
        var arrivals = LatestArrivals<String>()
        let start = ContinuousClock.now
        #expect(arrivals.latest(besides: "a") == nil)
        for (second, key) in ["a", "b", "a", "a", "c", "c"].enumerated() {
            arrivals.note(key, at: start + .seconds(second))
            if second == 0 { #expect(arrivals.latest(besides: "a") == nil) }
        }
        #expect(arrivals.latest(besides: "c") == start + .seconds(3))
        #expect(arrivals.latest(besides: "a") == start + .seconds(5))
        #expect(arrivals.latest(besides: "nobody") == start + .seconds(5))
    }
}

/// The middleware around real tasks.
@Suite(.timeLimit(.minutes(1))) struct AdmissionControlTests {
    /// One request at a time, which waits until it is let go.
    private func withOneHeld(
        patience: Duration, _ body: (AdmissionControl, MetricsRegistry, EventLoopGroup) async throws -> Void
    ) async throws {
        let (group, metrics) = (EventLoopGroup(count: 1), MetricsRegistry())
        var quick = AdmissionOptions()
        (quick.limit, quick.bounds, quick.patience) = (1, 1...1, patience)
        let control = AdmissionControl(
            quick: quick, long: .fixed(1), group: group, metrics: metrics,
            logger: Logger(service: "test", level: .error))
        let gate = AsyncStream.makeStream(of: Void.self)
        let held = Task(executorPreference: group.next()) {
            try await control.respond(to: call()) { _ in
                for await _ in gate.stream {}
                return HTTPResponse(.ok)
            }
        }
        while !control.isBusy { await Task.yield() }
        try await body(control, metrics, group)
        gate.continuation.finish()
        #expect(try await held.value.status == .ok)
        #expect(try await control.respond(to: call()) { _ in HTTPResponse(.ok) }.status == .ok)
        #expect(!control.isBusy && !control.isCrowded)
        await group.shutdown()
    }

    @Test func itTurnsAwayWhatWaitsTooLongAndLetsOperatorsIn() async throws {
        try await withOneHeld(patience: .milliseconds(10)) { control, metrics, _ in
            let refusal = await #expect(throws: Problem.self) {
                try await control.respond(to: call()) { _ in HTTPResponse(.ok) }
            }
            #expect(refusal?.type.code == "overloaded" && refusal?.retryAfter == .seconds(1))
            #expect(await metrics.exposition().contains("guanxi_admission_refused_total{lane=\"quick\"} 1"))
            let byOperator = try call(kind: .operator)
            #expect(try await control.respond(to: byOperator) { _ in HTTPResponse(.ok) }.status == .ok)
            // Rows in bulk go by another lane.
            let bulk = try call(path: "/v1/leads/bulk")
            #expect(try await control.respond(to: bulk) { _ in HTTPResponse(.ok) }.status == .ok)
        }
    }

    @Test func itTellsOfOthersAtWork() async throws {
        try await withOneHeld(patience: .milliseconds(10)) { control, _, _ in
            // The one that is held has no tenant.
            let tenant = TenantID.make()
            #expect(control.serves(othersThan: tenant, within: .seconds(600)))
            #expect(!control.serves(othersThan: tenant, within: .zero))
        }
    }

    @Test func whoGoesAwayWhileHeWaitsLeavesNothingBehind() async throws {
        try await withOneHeld(patience: .seconds(600)) { control, _, group in
            let gone = Task(executorPreference: group.next()) {
                try await control.respond(to: call()) { _ in HTTPResponse(.ok) }
            }
            while !control.isCrowded { await Task.yield() }
            gone.cancel()
            await #expect(throws: CancellationError.self) { try await gone.value }
        }
    }

    /// Passwords that one address has checked by the thousand delay another's by one, and nobody's other requests.
    @Test func whatIsHeavyIsSharedByAddress() async throws {
        let group = EventLoopGroup(count: 1)
        var heavy = AdmissionOptions.fixed(1, share: 1)
        (heavy.waiting, heavy.patience) = (4, .seconds(600))
        let control = AdmissionControl(
            long: .fixed(1), heavy: heavy, group: group, metrics: MetricsRegistry(),
            logger: Logger(service: "test", level: .error))
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let (starts, started) = AsyncStream.makeStream(of: String.self)
        func begin(_ address: String) throws -> Task<Void, any Error> {
            let call = try call(isHeavy: true, from: address)
            return Task(executorPreference: group.next()) {
                _ = try await control.respond(to: call) { call in
                    started.yield(call.request.remoteNetwork)
                    for await _ in gate { break }
                    return HTTPResponse(.ok)
                }
            }
        }
        // The flood's addresses are those of one machine.
        var tasks = [try begin("2001:db8::1")]
        var order = starts.makeAsyncIterator()
        #expect(await order.next() == "2001:db8::/64")
        for last in 2...5 { tasks.append(try begin("2001:db8::\(last)")) }
        while control.heavy.load.waiting < 4 { await Task.yield() }
        #expect(!control.isBusy)
        #expect(try await control.respond(to: call()) { _ in HTTPResponse(.ok) }.status == .ok)
        tasks.append(try begin("192.0.2.7"))
        // The newest of the flood gives way.
        await #expect(throws: Problem.self) { try await tasks[4].value }
        open.yield()
        #expect(await order.next() == "192.0.2.7")
        open.finish()
        for task in tasks.enumerated() where task.offset != 4 { try await task.element.value }
        await group.shutdown()
    }

    /// A place is taken when the body is there, not while it comes.
    @Test func aBodyIsReadFirst() async throws {
        let group = EventLoopGroup(count: 1)
        let control = AdmissionControl(
            long: .fixed(1), group: group, metrics: MetricsRegistry(), logger: Logger(service: "test", level: .error))
        let seen = Mutex<[Bool]>([])
        let parts = Mutex<[[UInt8]]>([[1], [2, 3]])
        let body = HTTPBody.stream(length: 3) {
            seen.withLock { $0.append(control.isBusy) }
            return parts.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        }
        let answer = try await control.respond(to: call(body: body)) { call in
            #expect(control.isBusy)
            return HTTPResponse(.ok, body: .bytes(try await call.request.body.collect(upTo: 10)))
        }
        #expect(try await answer.body.collect(upTo: 10) == [1, 2, 3])
        #expect(seen.withLock { $0 } == [false, false, false])
        await group.shutdown()
    }

    /// Files have places of their own: who sends them slowly holds up nobody's rows.
    @Test func filesHoldUpNoOther() async throws {
        let group = EventLoopGroup(count: 1)
        let control = AdmissionControl(
            long: .fixed(1), group: group, metrics: MetricsRegistry(), logger: Logger(service: "test", level: .error))
        _ = try await control.respond(to: call(path: "/v1/leads/imports")) { _ in
            #expect(control.long.load.running == 0 && control.files.load.running == 1)
            return try await control.respond(to: call(path: "/v1/leads/bulk")) { _ in
                #expect(control.long.load.running == 1)
                return HTTPResponse(.ok)
            }
        }
        await group.shutdown()
    }

    @Test(arguments: [false, true]) func whoDawdlesGivesWayToWhoWaits(isAnybodyWaiting: Bool) async throws {
        let left = Mutex(3)
        let body = HTTPBody.stream(length: nil) {
            try await Task.sleep(for: .milliseconds(10))
            return left.withLock { left in
                left -= 1
                return left < 0 ? nil : [1]
            }
        }.paced(BodyPace(window: .milliseconds(15)), whileAnybodyWaits: { isAnybodyWaiting })
        if isAnybodyWaiting {
            let problem = await #expect(throws: Problem.self) { try await body.collect(upTo: 10) }
            #expect(problem?.type.code == "requestTimeout" && problem?.retryAfter == .seconds(10))
        } else {
            #expect(try await body.collect(upTo: 10) == [1, 1, 1])
        }
    }

    @Test func aPaceIsThatOfTheLatestWindow() {
        var pace = BodyPace(window: .seconds(2))
        func isSlow(_ bytes: Int, after duration: Duration) -> Bool { pace.note(bytes, after: duration) }
        // What comes at once is never slow, in however many parts.
        for _ in 0..<100 { #expect(!isSlow(1, after: .zero)) }
        #expect(!isSlow(64 * 1024, after: .seconds(2)))
        #expect(!isSlow(32 * 1024, after: .seconds(1)))
        #expect(isSlow(32 * 1024 - 1, after: .seconds(1)))
        #expect(!isSlow(64 * 1024, after: .seconds(2)))
    }

    private func call(
        kind: Principal.Kind = .user, path: String = "/v1/leads", body: HTTPBody = .none, isHeavy: Bool = false,
        from address: String = "127.0.0.1"
    ) throws -> Call {
        var call = Call(
            request: HTTPRequest(.post, path, body: body, remoteAddress: address), operation: "test",
            permission: .anyCaller, lane: isHeavy ? .heavy : Lane(.post, path),
            path: try PathParameters(names: [], segments: []), query: try Query(parsing: nil), body: nil,
            deadline: .after(.seconds(60)))
        call.principal = Principal(
            tenant: nil, subject: "test", kind: kind, role: "test", permissions: [], visibility: .all)
        return call
    }
}
