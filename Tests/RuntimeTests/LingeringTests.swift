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
        // What came while it looked took long.
        #expect(!lingering.onlyLooked(now: start + 1 + Lingering.limit))
        _ = lingering.mayLinger(now: start + Lingering.limit)
        #expect(!lingering.onlyLooked(now: start + Lingering.limit + 1))
    }
}
