import Runtime
import Testing

@testable import EventLog

@Suite struct CommitSignalTests {
    @Test func everybodyWhoWaitsHearsOfACommit() async {
        let group = EventLoopGroup(count: 1)
        let signal = CommitSignal()
        let generation = signal.generation
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<20 {
                tasks.addTask { await signal.wait(after: generation, upTo: .seconds(3600), on: group.next()) }
            }
            tasks.addTask { signal.committed() }
        }
        await group.shutdown()
    }

    @Test func aCommitBetweenLookingAndWaitingIsNotMissed() async {
        let group = EventLoopGroup(count: 1)
        let signal = CommitSignal()
        let generation = signal.generation
        signal.committed()
        await signal.wait(after: generation, upTo: .seconds(3600), on: group.next())
        await group.shutdown()
    }

    @Test func timeAndCancellationEndTheWait() async {
        let group = EventLoopGroup(count: 1)
        let signal = CommitSignal()
        await signal.wait(after: signal.generation, upTo: .milliseconds(1), on: group.next())
        let task = Task(executorPreference: group.next()) {
            await signal.wait(after: signal.generation, upTo: .seconds(3600), on: group.next())
        }
        task.cancel()
        await task.value
        await group.shutdown()
    }
}
