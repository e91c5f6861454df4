import Glibc
import Testing

@testable import Runtime

@Suite struct LingeringTests {
    private let start: UInt64 = 1_000_000_000

    @Test func aLoopThatHasWorkedLooksAgainForAWhileAndThenSleeps() {
        let lingering = Lingering()
        #expect(!lingering.mayLinger(now: start))
        lingering.didWork(at: start)
        #expect(lingering.mayLinger(now: start + 1))
        #expect(lingering.mayLinger(now: start + Lingering.limit - 1))
        #expect(!lingering.mayLinger(now: start + Lingering.limit))
        #expect(!lingering.mayLinger(now: start + 10 * Lingering.limit))
    }

    @Test func onlyATurnThatFollowsALookAndIsShortIsNotCounted() {
        let lingering = Lingering()
        lingering.didWork(at: start)
        #expect(!lingering.onlyLooked(now: start + 1))
        _ = lingering.mayLinger(now: start + 1)
        #expect(lingering.onlyLooked(now: start + 1_000))
        // Others had the processor meanwhile.
        lingering.goesOn(at: start + 5_000_000)
        #expect(lingering.onlyLooked(now: start + 5_001_000))
        // It had something to do, if little.
        lingering.didWork(at: start + 5_002_000)
        #expect(!lingering.onlyLooked(now: start + 5_003_000))
        lingering.didWork(at: start)
        _ = lingering.mayLinger(now: start + 1)
        // What came while it looked took long.
        #expect(!lingering.onlyLooked(now: start + 1 + Lingering.limit))
        _ = lingering.mayLinger(now: start + Lingering.limit)
        #expect(!lingering.onlyLooked(now: start + Lingering.limit + 1))
    }

    /// A loop at rest sleeps: by the processor time of its own thread, whatever else runs here.
    @Test func aLoopAtRestSleeps() async throws {
        try await onLoop { _ in
            let before = Self.processorTime()
            try await Task.sleep(for: .milliseconds(300))
            #expect(Self.processorTime() - before < 30_000_000)
        }
    }

    /// Of the calling thread, in nanoseconds.
    private static func processorTime() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
