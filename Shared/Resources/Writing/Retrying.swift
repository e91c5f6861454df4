import Postgres

/// SQLSTATEs that decide how a write goes on.
public enum WriteState {
    /// `shared.require_rows` found fewer rows than must have changed.
    public static let stale = "GX412"
    /// `shared.claim_key` found the key taken.
    public static let running = "GX409"
    public static let uniqueViolation = "23505"
    public static let foreignKeyViolation = "23503"
}

extension PostgresError {
    public var isStale: Bool { sqlState == WriteState.stale }
    public var isUniqueViolation: Bool { sqlState == WriteState.uniqueViolation }
    /// Somebody was faster: what to do is decided anew from what he left.
    var isDecidedAnew: Bool { isStale || isUniqueViolation }
}

extension Writer {
    /// Reads, decides and writes, and does so anew while others change what was read.
    ///
    /// What somebody else made between our look and our write is found at the second look; if not, it is in the way for
    /// good.
    ///
    /// - Parameters:
    ///   - attempts: how often at most.
    ///   - isPaced: whether later attempts wait a little: many that change one object at once go on one by one, not all
    ///     again at the same moment.
    /// - Throws: what the last attempt threw.
    public static func retrying<Value>(
        attempts: Int = 12, isPaced: Bool = true, _ write: () async throws -> Value
    ) async throws -> Value {
        var hasCollided = false
        for attempt in 1..<attempts {
            do {
                return try await write()
            } catch let error as PostgresError where error.isStale || (error.isUniqueViolation && !hasCollided) {
                hasCollided = hasCollided || error.isUniqueViolation
                if isPaced { try await pause(after: attempt) }
            }
        }
        return try await write()
    }

    private static func pause(after attempt: Int) async throws {
        guard attempt > 1 else { return }
        try await Task.sleep(for: .microseconds(Int.random(in: 0...(500 << min(attempt, 8)))))
    }
}
