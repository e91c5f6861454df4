import Synchronization

/// Work that many want at the same moment and one does: a look-up of what nobody remembers yet.
///
/// The work belongs to none of those who wait, so it goes on when one of them is cancelled, who waits for its end all the
/// same: let it be bounded.
public final class JoinedWork<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let running = Mutex<[Key: Task<Value, any Error>]>([:])

    public init() {}

    /// What `work` makes or throws; of those who ask for a key while its work runs only the first one's is done.
    ///
    /// - Parameter loop: where the work runs.
    public func value(
        for key: Key, on loop: EventLoop, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = running.withLock { running in
            if let task = running[key] { return task }
            let task = Task(executorPreference: loop) { [self] in
                defer { _ = self.running.withLock { $0.removeValue(forKey: key) } }
                return try await work()
            }
            running[key] = task
            return task
        }
        return try await task.value
    }
}
