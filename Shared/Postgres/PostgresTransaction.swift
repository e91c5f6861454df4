import CPostgres
import Synchronization

/// A transaction that is open on a leased connection; usable until the closure it was given to returns.
public final class PostgresTransaction: Sendable {
    private let connection: PostgresConnection
    private let state: Mutex<State>

    private struct State {
        /// Statements that go with the next flight: `begin` and the role.
        var pending: [SQL]
        var role: String?
        var phase = Phase.fresh
    }

    private enum Phase {
        /// Nothing has been sent.
        case fresh
        case open
        case committed
        /// Rolled back, or a commit that failed.
        case over
    }

    private init(connection: PostgresConnection, role: DatabaseRole?, options: TransactionOptions) {
        self.connection = connection
        state = Mutex(State(pending: options.opening(role: role), role: role?.name))
    }

    static func run<Value: Sendable>(
        on connection: PostgresConnection, role: DatabaseRole?, options: TransactionOptions,
        _ body: @Sendable (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        let transaction = PostgresTransaction(connection: connection, role: role, options: options)
        do {
            let value = try await body(transaction)
            try await transaction.commit()
            return value
        } catch {
            // The lease's end rolls back.
            transaction.end()
            throw error
        }
    }

    private func commit() async throws {
        let phase = state.withLock { state in
            defer { if state.phase == .open { state.phase = .over } }
            return state.phase
        }
        switch phase {
        case .fresh, .committed: return
        case .over: throw PostgresError(.usage, "The commit of this transaction failed.")
        case .open: break
        }
        // A failed statement whose error the closure swallowed has ended the transaction: `commit` would answer
        // ROLLBACK without an error.
        guard !connection.hasFailedTransaction else {
            throw PostgresError(.usage, "A statement of this transaction failed, so it cannot be committed.")
        }
        _ = try await connection.run(.init(body: [], closing: ["commit"]))
    }

    private func end(_ phase: Phase = .over) { state.withLock { $0.phase = phase } }

    /// From now on the statements run with the rights of `role`, which the connection's login must be a member of.
    ///
    /// Costs no round trip: `set local role` goes with the next statements. A consumer uses it to write each tenant's
    /// effects under the tenant's role and the inbox under its own, in one transaction.
    public func setRole(_ role: String) {
        state.withLock { state in
            guard state.role != role else { return }
            state.role = role
            state.pending.append(.setRole(role))
        }
    }

    /// Runs one statement.
    @discardableResult
    public func query(_ sql: SQL) async throws -> Rows {
        try await pipeline([sql])[0]
    }

    /// Runs one statement; how many rows it touched.
    @discardableResult
    public func execute(_ sql: SQL) async throws -> Int {
        try await pipeline([sql])[0].affected
    }

    /// Runs the statements in one round trip; the results in order. After an error the rest is skipped and the
    /// transaction cannot go on.
    public func pipeline(_ statements: [SQL]) async throws -> [Rows] {
        guard !statements.isEmpty else { return [] }
        let (opening, role) = try takePending()
        return try await connection.run(.init(opening: opening, body: statements, role: role))
    }

    /// The last statements and the commit in one round trip; nothing can follow.
    public func commit(after statements: [SQL]) async throws -> [Rows] {
        let (opening, role) = try takePending()
        end()
        let results = try await connection.run(
            .init(opening: opening, body: statements, closing: ["commit"], role: role))
        end(.committed)
        return results
    }

    /// Runs `copy … from stdin`; the number of rows.
    @discardableResult
    public func copyIn<Chunks: AsyncSequence>(_ sql: SQL, from chunks: Chunks) async throws -> Int
    where Chunks.Element == [UInt8] {
        try await flushPending()
        return try await connection.copyIn(sql, from: chunks)
    }

    /// Runs `copy … to stdout`, giving each row's bytes to `receive`; the server waits while it works.
    @discardableResult
    public func copyOut(_ sql: SQL, _ receive: ([UInt8]) async throws -> Void) async throws -> Int {
        try await flushPending()
        return try await connection.copyOut(sql, receive)
    }

    private func flushPending() async throws {
        let (opening, role) = try takePending()
        if !opening.isEmpty { _ = try await connection.run(.init(opening: opening, body: [], role: role)) }
    }

    private func takePending() throws(PostgresError) -> ([SQL], String?) {
        let taken: ([SQL], String?)? = state.withLock { state in
            guard state.phase == .fresh || state.phase == .open else { return nil }
            state.phase = .open
            defer { state.pending = [] }
            return (state.pending, state.role)
        }
        guard let taken else { throw PostgresError(.usage, "The transaction is over.") }
        return taken
    }
}

/// A leased connection without a transaction; usable until the closure it was given to returns.
public final class PostgresSession: Sendable {
    private let connection: PostgresConnection
    private let isOver = Mutex(false)

    init(connection: PostgresConnection) { self.connection = connection }

    func end() { isOver.withLock { $0 = true } }

    /// Runs one statement, which commits by itself.
    @discardableResult
    public func query(_ sql: SQL) async throws -> Rows {
        try await pipeline([sql])[0]
    }

    /// Runs the statements in one round trip, in one implicit transaction.
    public func pipeline(_ statements: [SQL]) async throws -> [Rows] {
        guard !isOver.withLock({ $0 }) else { throw PostgresError(.usage, "The lease is over.") }
        return try await connection.run(.init(body: statements))
    }

    /// What the server keeps of a password (`PQencryptPasswordConn`, SCRAM-SHA-256), to be told instead of it: statements
    /// with the password itself might be logged.
    public func verifier(of password: String, for role: String) async throws -> String {
        let connection = connection
        return try await Task(executorPreference: connection.loop) {
            try connection.verifier(of: password, for: role)
        }.value
    }

    /// Closes the connection instead of giving it back: its session holds something that could not be undone.
    public func discard() async {
        let connection = connection
        await Task(executorPreference: connection.loop) { connection.close() }.value
    }
}

extension PostgresConnection {
    fileprivate func verifier(of password: String, for role: String) throws -> String {
        guard let handle else { throw PostgresError(.connectionLost, "it is closed") }
        guard let text = PQencryptPasswordConn(handle, password, role, "scram-sha-256") else {
            throw PostgresError(.usage, Self.message(handle))
        }
        defer { PQfreemem(text) }
        return String(cString: text)
    }
}
