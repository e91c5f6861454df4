import Synchronization

/// At most so many tasks at once; others wait in turn, bounded and cancellable.
public final class AsyncSemaphore: Sendable {
    private let free: Counter
    private let queue: WaiterQueue<Void>

    private final class Counter: Sendable {
        let value: Mutex<Int>
        init(_ value: Int) { self.value = Mutex(value) }

        func take() -> Void? {
            value.withLock { value in
                guard value > 0 else { return nil }
                value -= 1
                return ()
            }
        }
    }

    public init(permits: Int, maximumWaiters: Int) {
        precondition(permits > 0, "a semaphore has at least one permit")
        free = Counter(permits)
        queue = WaiterQueue(limit: maximumWaiters)
    }

    /// Runs `body` with a permit, which is given back however it ends.
    ///
    /// - Throws: ``WaiterQueueFull``, `CancellationError`, or what `body` throws.
    public func withPermit<Value>(_ body: () async throws -> Value) async throws -> Value {
        let free = free
        try await queue.next { free.take() }
        defer { queue.giveBack(()) { free.value.withLock { $0 += 1 } } }
        return try await body()
    }

    /// Tasks waiting for a permit.
    public var waiting: Int { queue.count }
}
