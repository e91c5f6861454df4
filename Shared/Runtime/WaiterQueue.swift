import Synchronization

/// Tasks waiting in turn for something that others give back: the heart of a pool.
///
/// Bounded: more waiters than the limit are refused at once, so that load shows as an error and not as memory. A
/// cancelled task leaves the queue. Thread-safe.
public final class WaiterQueue<Value: Sendable>: Sendable {
    private typealias Continuation = CheckedContinuation<Value, any Error>

    private struct State {
        var nextID: UInt64 = 0
        var waiting: [(id: UInt64, continuation: Continuation)] = []
        var cancelledEarly: Set<UInt64> = []
        var closedBy: (any Error)?
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: most tasks that may wait.
    public init(limit: Int) { self.limit = limit }

    /// Tasks waiting now.
    public var count: Int { state.withLock { $0.waiting.count } }

    /// Takes what is available or waits in turn.
    ///
    /// - Parameter available: called in the moment of joining the queue and in the same critical section as
    ///   ``giveBack(_:keep:)``, so that nothing given back in between is missed; answers a value to take at once. Not
    ///   called when others already wait. It must not call this queue.
    /// - Throws: ``WaiterQueueFull``, `CancellationError`, or the error of ``close(throwing:)``.
    public func next(taking available: @escaping @Sendable () -> Value? = { nil }) async throws -> Value {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        defer { state.withLock { _ = $0.cancelledEarly.remove(id) } }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Value, any Error>? = state.withLock { state in
                    if state.cancelledEarly.remove(id) != nil { return .failure(CancellationError()) }
                    if let error = state.closedBy { return .failure(error) }
                    if state.waiting.isEmpty, let value = available() { return .success(value) }
                    if state.waiting.count >= limit { return .failure(WaiterQueueFull(limit: limit)) }
                    state.waiting.append((id, continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func cancel(_ id: UInt64) {
        let continuation: Continuation? = state.withLock { state in
            if let index = state.waiting.firstIndex(where: { $0.id == id }) {
                return state.waiting.remove(at: index).continuation
            }
            // Not joined yet, or already served; `next` forgets the mark when it ends.
            state.cancelledEarly.insert(id)
            return nil
        }
        continuation?.resume(throwing: CancellationError())
    }

    /// Gives `value` to the task that waited longest, or to `keep` in the same critical section when nobody waits.
    public func giveBack(_ value: Value, keep: (Value) -> Void) {
        let continuation: Continuation? = state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst().continuation }
            keep(value)
            return nil
        }
        continuation?.resume(returning: value)
    }

    /// Fails everybody who waits, and everybody who will.
    public func close(throwing error: any Error) {
        let waiting = state.withLock { state in
            state.closedBy = error
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.continuation.resume(throwing: error) }
    }
}

/// Too many tasks wait already; the caller should say "try again later" (503).
public struct WaiterQueueFull: Error, Sendable, CustomStringConvertible {
    public let limit: Int
    public var description: String { "\(limit) tasks wait already" }
}
