import Postgres
import Tenancy
import Values

/// What was waited for did not come.
public struct NeverHappened: Error {
    let file: String
    let line: Int
}

/// Waits for a condition.
public func eventually(
    within limit: Duration = .seconds(60), file: String = #fileID, line: Int = #line,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NeverHappened(file: file, line: line) }
        try await Task.sleep(for: .milliseconds(5))
    }
}

extension TenantDatabase {
    /// What `other` answers that waits for what a transaction holds by `first`; once it waits, `then` is done and
    /// committed.
    public func whileHeld<Value: Sendable>(
        _ tenant: TenantID, _ first: [SQL], then: [SQL] = [], _ other: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let (held, continuation) = AsyncStream<Void>.makeStream()
        let holding: @Sendable (TenantTransaction) async throws -> Void = { [self] transaction in
            defer { continuation.finish() }
            try await transaction.pipeline(first)
            continuation.finish()
            try await eventually(within: .seconds(20)) { try await isSomebodyWaiting() }
            try await transaction.pipeline(then)
        }
        async let transaction: Void = write(tenant, holding)
        for await _ in held {}
        let value = try await other()
        try await transaction
        return value
    }

    /// Whether somebody waits for a lock in this database.
    private func isSomebodyWaiting() async throws -> Bool {
        try await !database.query(
            """
            select from pg_locks waiting where not granted and exists (
                select from pg_locks held where held.pid = waiting.pid
                    and held.database = (select oid from pg_database where datname = current_database()))
            """, role: outboxRole
        ).isEmpty
    }
}
