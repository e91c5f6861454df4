import Runtime
import Testing

@testable import EventLog

@Suite(.timeLimit(.minutes(1))) struct BellTests {
    @Test func everybodyWhoWaitsHearsOfIt() async {
        let group = EventLoopGroup(count: 1)
        let bell = Bell()
        let rings = bell.rings
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<20 {
                tasks.addTask { await bell.wait(after: rings, upTo: .seconds(3600), on: group.next()) }
            }
            tasks.addTask { bell.ring() }
        }
        await group.shutdown()
    }

    @Test func aRingBetweenLookingAndWaitingIsNotMissed() async {
        let group = EventLoopGroup(count: 1)
        let bell = Bell()
        let rings = bell.rings
        bell.ring()
        await bell.wait(after: rings, upTo: .seconds(3600), on: group.next())
        await group.shutdown()
    }

    @Test func timeAndCancellationEndTheWait() async {
        let group = EventLoopGroup(count: 1)
        let bell = Bell()
        await bell.wait(after: bell.rings, upTo: .milliseconds(1), on: group.next())
        let task = Task(executorPreference: group.next()) {
            await bell.wait(after: bell.rings, upTo: .seconds(3600), on: group.next())
        }
        task.cancel()
        await task.value
        await group.shutdown()
    }
}
