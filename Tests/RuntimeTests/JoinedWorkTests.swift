import Synchronization
import Testing

@testable import Runtime

@Suite struct JoinedWorkTests {
    private struct Broken: Error {}

    private final class Counts: Sendable {
        let asked = Mutex(0)
        let done = Mutex(0)
    }

    @Test(arguments: [false, true])
    func `who comes meanwhile gets the same, who comes later does not`(isBroken: Bool) async throws {
        let loop = EventLoop(name: "joined")
        let joined = JoinedWork<String, Int>()
        let counts = Counts()
        // Ends when twenty more have asked for it.
        @Sendable func ask() async throws -> Int {
            let end = counts.asked.withLock { asked in
                asked += 1
                return (asked + 19) / 20 * 20
            }
            return try await joined.value(for: "a", on: loop) {
                while counts.asked.withLock({ $0 }) < end { await Task.yield() }
                let number = counts.done.withLock { done in
                    done += 1
                    return done
                }
                if isBroken, number == 1 { throw Broken() }
                return number
            }
        }
        for round in 1...2 {
            let answers = await withTaskExecutorPreference(loop) {
                await withTaskGroup(of: Int?.self) { group in
                    for _ in 0..<20 { group.addTask { try? await ask() } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(answers == Array(repeating: isBroken && round == 1 ? nil : round, count: 20))
        }
        await loop.shutdown()
    }
}
