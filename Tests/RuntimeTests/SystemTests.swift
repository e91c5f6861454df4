import Glibc
import Runtime
import Synchronization
import Testing

/// A number that closures share.
final class Number: Sendable {
    let value = Atomic<Int>(0)
}

/// What closures of a loop have seen, in their order.
final class Seen<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    var all: [Value] { values.withLock { $0 } }

    func add(_ value: Value, on loop: EventLoop) {
        loop.preconditionOnLoop()
        values.withLock { $0.append(value) }
    }
}

@Suite struct DescriptorTests {
    @Test func watcherSeesReadabilityUntilClosed() async throws {
        try await onLoop { loop in
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            let (reading, writing) = (ends[0], ends[1])
            var watcher: DescriptorWatcher? = try DescriptorWatcher(loop: loop, descriptor: reading)
            weak let witness = watcher
            let (events, event) = AsyncStream.makeStream(of: DescriptorWatcher.Events.self)
            watcher?.start(.readable) { events in
                var byte: UInt8 = 0
                _ = read(reading, &byte, 1)
                event.yield(events)
            }
            var iterator = events.makeAsyncIterator()
            for _ in 0..<3 {
                _ = write(writing, "x", 1)
                #expect(await iterator.next() == .readable)
            }
            watcher?.close()
            watcher?.close()
            close(reading)
            watcher = nil
            // libuv still owns the handle: its close callback comes at the end of the turn.
            #expect(witness != nil)
            await withCheckedContinuation { continuation in
                loop.schedule(after: .milliseconds(1)) { continuation.resume() }
            }
            #expect(witness == nil)
            close(writing)
        }
    }

    @Test func aPlainFileIsRefusedWithAReason() async throws {
        try await onLoop { loop in
            let file = open("/etc/passwd", O_RDONLY)
            defer { close(file) }
            #expect(throws: DescriptorWatcher.NotWatchable.self) {
                _ = try DescriptorWatcher(loop: loop, descriptor: file)
            }
        }
    }

    @Test func signalsArriveAsAStream() async throws {
        try await onLoop { loop in
            var signals = SignalStream([.hangUp], on: loop).makeAsyncIterator()
            await withCheckedContinuation { continuation in loop.execute { continuation.resume() } }
            kill(getpid(), SIGHUP)
            #expect(await signals.next() == .hangUp)
        }
    }
}

@Suite(.serialized) struct BlockingTests {
    @Test func blockingWorkLeavesTheLoopFree() async throws {
        try await onLoop { loop in
            let elsewhere = try await Blocking.run {
                usleep(300_000)
                return EventLoop.current == nil
            }
            #expect(elsewhere && loop.isCurrent)
            #expect(loop.lag.maximum < 0.25)
            struct Failed: Error {}
            await #expect(throws: Failed.self) { try await Blocking.run { throw Failed() } }
        }
        #expect(try await Blocking.run { 5 } == 5)
    }

    @Test func workNotYetBegunIsCancelled() async throws {
        try await onLoop { loop in
            let gate = Number()
            // Takes every thread of the pool.
            let busy = (0..<16).map { _ in
                Task.immediate(executorPreference: loop) {
                    try await Blocking.run {
                        while gate.value.load(ordering: .acquiring) == 0 { usleep(500) }
                    }
                }
            }
            let waiting = Task.immediate(executorPreference: loop) {
                try await Blocking.run { Issue.record("cancelled work ran") }
            }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            gate.value.store(1, ordering: .releasing)
            for task in busy { try await task.value }
        }
    }
}

@Suite struct WaiterQueueTests {
    @Test func waitersAreServedInOrderBoundedAndCancellable() async throws {
        try await onLoop { loop in
            let queue = WaiterQueue<Int>(limit: 3)
            var kept: [Int] = []
            queue.giveBack(0) { kept.append($0) }
            #expect(kept == [0])
            let taken = try await queue.next(taking: { 9 })
            #expect(taken == 9)
            let tasks = (0..<3).map { _ in
                Task.immediate(executorPreference: loop) { try await queue.next(taking: { nil }) }
            }
            #expect(queue.count == 3)
            await #expect(throws: WaiterQueueFull.self) { try await queue.next() }
            tasks[1].cancel()
            await #expect(throws: CancellationError.self) { try await tasks[1].value }
            // Two still wait, so a newcomer does not overtake them even if something is available.
            let newcomer = Task.immediate(executorPreference: loop) { try await queue.next(taking: { 9 }) }
            #expect(queue.count == 3)
            for value in 1...3 { queue.giveBack(value) { kept.append($0) } }
            #expect(kept == [0])
            let served = [try await tasks[0].value, try await tasks[2].value, try await newcomer.value]
            #expect(served == [1, 2, 3])
            struct Closed: Error {}
            let last = Task.immediate(executorPreference: loop) { try await queue.next() }
            queue.close(throwing: Closed())
            await #expect(throws: Closed.self) { try await last.value }
            await #expect(throws: Closed.self) { try await queue.next() }
        }
    }

    @Test func semaphoreBoundsConcurrencyAcrossThreads() async throws {
        let semaphore = AsyncSemaphore(permits: 3, maximumWaiters: 1000)
        let running = Number()
        let most = Number()
        await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    try await semaphore.withPermit {
                        let now = running.value.wrappingAdd(1, ordering: .relaxed).newValue
                        _ = most.value.max(now, ordering: .relaxed)
                        await Task.yield()
                        running.value.wrappingSubtract(1, ordering: .relaxed)
                        if number % 7 == 0 { throw CancellationError() }
                    }
                }
            }
            while let result = await group.nextResult() { _ = result }
        }
        #expect(most.value.load(ordering: .relaxed) == 3)
        #expect(semaphore.waiting == 0)
        #expect(try await semaphore.withPermit { 1 } == 1)
    }
}
