import Runtime
import Synchronization
import Values

/// Lets batches of one collection of one tenant go one after the other.
final class BatchQueues: Sendable {
    private static let maximumWaiters = 1_000
    private let queues = Mutex<[String: AsyncSemaphore]>([:])

    /// Runs `body` when every batch that came before is done.
    func enqueue<Value>(
        _ tenant: TenantID, _ collection: String, _ body: () async throws -> Value
    ) async throws -> Value {
        let name = "\(tenant.text)/\(collection)"
        let queue = queues.withLock { queues in
            if let queue = queues[name] { return queue }
            let queue = AsyncSemaphore(permits: 1, maximumWaiters: Self.maximumWaiters)
            queues[name] = queue
            return queue
        }
        return try await queue.withPermit(body)
    }
}
