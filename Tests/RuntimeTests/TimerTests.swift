import Runtime
import Testing

@Suite struct TimerTests {
    @Test func timersFireByTimeRepeatAndStop() async throws {
        try await onLoop { loop in
            let seen = LoopBound<[String]>([], on: loop)
            let (ticks, tick) = AsyncStream.makeStream(of: Void.self)
            loop.schedule(after: .milliseconds(20)) { seen.value.append("late") }
            loop.schedule(after: .milliseconds(2)) { seen.value.append("early") }
            let cancelled = loop.schedule(after: .milliseconds(1)) { seen.value.append("cancelled") }
            cancelled.cancel()
            cancelled.cancel()
            let repeating = loop.schedule(after: .zero, repeating: .milliseconds(10)) { tick.yield() }
            var count = 0
            for await _ in ticks {
                count += 1
                if count == 4 { break }
            }
            repeating.cancel()
            #expect(seen.value == ["early", "late"])
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
