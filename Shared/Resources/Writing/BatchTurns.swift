import Runtime
import Synchronization
import Values

/// Lets batches of one collection of one tenant go one after the other.
final class BatchTurns: Sendable {
    private static let maximumWaiters = 1_000
    private let turns = Mutex<[String: AsyncSemaphore]>([:])

    /// Runs `body` when every batch that came before is done.
    func take<Value>(
        _ tenant: TenantID, _ collection: String, _ body: () async throws -> Value
    ) async throws -> Value {
        let name = "\(tenant.text)/\(collection)"
        let turn = turns.withLock { turns in
            if let turn = turns[name] { return turn }
            let turn = AsyncSemaphore(permits: 1, maximumWaiters: Self.maximumWaiters)
            turns[name] = turn
            return turn
        }
        return try await turn.withPermit(body)
    }
}
