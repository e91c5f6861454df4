import Synchronization
import Testing

@testable import Runtime

/// Runs `body` on a loop of its own.
func onLoop<Value: Sendable>(
    _ body: @escaping @Sendable (EventLoop) async throws -> Value
) async throws -> Value {
    let loop = EventLoop(name: "test")
    let result = await Task(executorPreference: loop) { try await body(loop) }.result
    await loop.shutdown()
    return try result.get()
}

private actor Ledger {
    func isOn(_ loop: EventLoop) -> Bool { loop.isCurrent }
}

@Suite struct ExecutorTests {
    @Test func everyStructuredTaskStaysOnTheLoop() async throws {
        try await onLoop { loop in
            #expect(EventLoop.current === loop)
            async let child = loop.isCurrent
            #expect(await child)
            let all = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        await Task.yield()
                        return loop.isCurrent
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(all == Array(repeating: true, count: 50))
            #expect(await Ledger().isOn(loop))
            try await Task.sleep(for: .milliseconds(2))
            #expect(loop.isCurrent)
            await withCheckedContinuation { continuation in
                Task.detached { continuation.resume() }
            }
            #expect(loop.isCurrent)
        }
    }

    @Test func workRunsInOrderAndNeverWithinTheCall() async throws {
        let order = try await onLoop { loop in
            let seen = Seen<Int>()
            for number in 0..<3000 { loop.execute { seen.add(number, on: loop) } }
            #expect(seen.all.isEmpty)
            await withCheckedContinuation { continuation in loop.execute { continuation.resume() } }
            return seen.all
        }
        #expect(order == Array(0..<3000))
    }

    @Test func whatWaitsWhenTheLoopIsStoppedStillRuns() async {
        let loop = EventLoop(name: "test")
        let done = Number()
        let links = 20_000
        loop.execute {
            while !loop.isStopping {}
            link(links)
        }
        @Sendable func link(_ left: Int) {
            done.value.add(1, ordering: .relaxed)
            if left > 1 { loop.execute { link(left - 1) } }
        }
        await loop.shutdown()
        #expect(done.value.load(ordering: .relaxed) == links)
    }

    @Test func workThatNeverEndsDoesNotStarveTimers() async throws {
        try await onLoop { loop in
            let stop = Number()
            let spinning = Task(executorPreference: loop) {
                while stop.value.load(ordering: .relaxed) == 0 { await Task.yield() }
            }
            await withCheckedContinuation { continuation in
                loop.schedule(after: .milliseconds(1)) { continuation.resume() }
            }
            stop.value.store(1, ordering: .relaxed)
            await spinning.value
        }
    }

    @Test func blockingALoopShowsAsLag() async throws {
        let lag = try await onLoop { loop in
            let until = ContinuousClock.now + .milliseconds(60)
            while ContinuousClock.now < until {}
            await withCheckedContinuation { continuation in
                loop.schedule(after: .milliseconds(1)) { continuation.resume() }
            }
            return loop.lag
        }
        #expect(lag.maximum >= 0.06)
        #expect(lag.sum >= lag.maximum && lag.mean > 0)
        #expect(lag.buckets.reduce(0, +) == lag.count)
    }

    @Test func groupHandsItsLoopsOutInTurn() async {
        let group = EventLoopGroup(count: 2)
        let first = group.next()
        #expect(first !== group.next())
        #expect(first === group.next())
        let second = group.loops[1]
        let here = await Task(executorPreference: second) { group.here === second }.value
        #expect(here)
        await group.shutdown()
    }
}
