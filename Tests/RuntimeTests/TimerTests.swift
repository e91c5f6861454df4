import Testing

@testable import Runtime

@Suite struct TimerTests {
    @Test func timersFireByTimeRepeatAndStop() async throws {
        try await onLoop { loop in
            let seen = Seen<String>()
            let (ticks, tick) = AsyncStream.makeStream(of: Void.self)
            loop.schedule(after: .milliseconds(20)) { seen.add("late", on: loop) }
            loop.schedule(after: .milliseconds(2)) { seen.add("early", on: loop) }
            let cancelled = loop.schedule(after: .milliseconds(1)) { seen.add("cancelled", on: loop) }
            cancelled.cancel()
            cancelled.cancel()
            let repeating = loop.schedule(after: .zero, repeating: .milliseconds(10)) { tick.yield() }
            var count = 0
            for await _ in ticks {
                count += 1
                if count == 4 { break }
            }
            repeating.cancel()
            #expect(seen.all == ["early", "late"])
        }
    }

    @Test func aClosedTimerReleasesItsAction() async throws {
        try await onLoop { loop in
            final class Owned: Sendable {}
            let (released, release) = AsyncStream.makeStream(of: Void.self)
            weak var witness: Owned?
            do {
                let owned = Owned()
                witness = owned
                loop.schedule(after: .milliseconds(1)) {
                    _ = owned
                    release.yield()
                }
            }
            var iterator = released.makeAsyncIterator()
            await iterator.next()
            await Task.yield()
            #expect(witness == nil)
        }
    }

    @Test func deadlineCancelsTheOperationAndOnlyIt() async throws {
        try await onLoop { loop in
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.after(.milliseconds(5))) {
                    #expect(loop.isCurrent)
                    try await Task.sleep(for: .seconds(600))
                }
            }
            #expect(!Task.isCancelled && loop.isCurrent)
            let value = try await withDeadline(.after(.seconds(60))) { 7 }
            #expect(value == 7)
            await #expect(throws: CancellationError.self) {
                try await withDeadline(.after(.seconds(60))) { throw CancellationError() }
            }
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.after(.zero)) { Issue.record("ran after its deadline") }
            }
        }
    }

    @Test func aTaskEndsAtItsDeadlineAndOthersAtTheirs() async throws {
        try await onLoop { loop in
            // The later is asked for first: the timer is set for it and must be set again.
            let tasks = [40, 5, 20].map { milliseconds in
                Task.immediate(executorPreference: loop) {
                    await #expect(throws: DeadlineExceeded.self) {
                        try await endingTask(at: .after(.milliseconds(milliseconds))) {
                            try await Task.sleep(for: .seconds(600))
                        }
                    }
                    return Task.isCancelled && loop.isCurrent
                }
            }
            for task in tasks { #expect(await task.value) }
        }
    }

    @Test func aTaskThatIsInTimeGoesOn() async throws {
        try await onLoop { loop in
            let value = try await endingTask(at: .after(.milliseconds(1))) { 7 }
            #expect(value == 7)
            #expect(loop.tasksToEnd.isEmpty)
            await #expect(throws: CancellationError.self) {
                try await endingTask(at: .after(.seconds(60))) { throw CancellationError() }
            }
            await #expect(throws: DeadlineExceeded.self) {
                try await endingTask(at: .after(.zero)) { Issue.record("ran after its deadline") }
            }
        }
    }

    @Test func aTaskThatLeftTheLoopIsForgottenThere() async throws {
        let other = EventLoop(name: "other")
        try await onLoop { loop in
            // Has no loop of its own: goes on wherever there is room.
            let task = Task.immediate {
                try await endingTask(at: .after(.milliseconds(5))) {
                    await withCheckedContinuation { continuation in other.execute { continuation.resume() } }
                }
                return !loop.isCurrent
            }
            let hasLeft = try await task.value
            #expect(hasLeft)
            #expect(loop.tasksToEnd.isEmpty)
        }
        await other.shutdown()
    }

    @Test func cancellingTheCallerReachesTheOperation() async throws {
        try await onLoop { loop in
            let task = Task.immediate(executorPreference: loop) {
                try await withDeadline(.after(.seconds(600))) { try await Task.sleep(for: .seconds(600)) }
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }
}
