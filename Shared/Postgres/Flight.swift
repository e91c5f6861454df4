/// Statements on their way: sent at once, answered in order, ended by one Sync.
final class Flight: @unchecked Sendable {
    // @unchecked: touched only on the connection's loop; a cancellation handler carries it there unread.

    enum Step {
        /// The server takes a statement into its memory.
        case prepare(StatementCache.Entry)
        /// A statement's result, shown to the caller or not (`begin`, `commit`).
        case execute(StatementCache.Entry?, isVisible: Bool, statement: Int)
    }

    private(set) var steps: [Step] = []
    private var position = 0
    var rows: [Rows] = []
    var failure: PostgresError?
    /// A cancellation was asked for.
    var isCancelled = false
    var isFinished = false
    private var continuation: CheckedContinuation<[Rows], any Error>?

    func append(_ step: Step) { steps.append(step) }

    /// What the next result belongs to; `nil` once only the Sync is awaited.
    var current: Step? { position < steps.count ? steps[position] : nil }

    func advance() { position += 1 }

    func start(_ continuation: CheckedContinuation<[Rows], any Error>) { self.continuation = continuation }

    func resume() {
        isFinished = true
        let continuation = continuation
        self.continuation = nil
        guard let failure else {
            continuation?.resume(returning: rows)
            return
        }
        let wasCancelled = isCancelled && (failure.sqlState == SQLState.queryCanceled || failure.kind != .server)
        continuation?.resume(throwing: wasCancelled ? CancellationError() : failure)
    }
}
