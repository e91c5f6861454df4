import Runtime

/// A database, through a pool of connections on each loop of a group.
///
/// Every call uses the pool of the loop it is called on; called elsewhere it moves to one of the group's loops, and the
/// closures given run there too.
public final class PostgresDatabase: Sendable {
    public let group: EventLoopGroup
    public let configuration: PostgresConfiguration
    private let pools: [PostgresPool]

    /// Connects lazily: this does no I/O.
    public init(group: EventLoopGroup, configuration: PostgresConfiguration) {
        self.group = group
        self.configuration = configuration
        pools = group.loops.map { PostgresPool(loop: $0, configuration: configuration) }
    }

    /// Closes every pool; running transactions end first. Calls afterwards are refused.
    public func close() async {
        for pool in pools {
            await withTaskExecutorPreference(pool.loop) { await pool.shut() }
        }
    }

    /// Runs one statement in a transaction of its own.
    @discardableResult
    public func query(_ sql: SQL, role: DatabaseRole? = nil) async throws -> Rows {
        try await flight(role: role, [sql])[0]
    }

    /// Runs the statements in one transaction and one round trip; the results in order.
    ///
    /// Right only where no statement depends on what the program learns from an earlier one. After an error nothing is
    /// kept. A transaction that met another one is run again.
    public func flight(
        role: DatabaseRole? = nil, _ statements: [SQL], options: TransactionOptions = .write
    ) async throws -> [Rows] {
        guard !statements.isEmpty else { return [] }
        return try await onLoop { pool in
            try await self.retrying(options) {
                try await pool.withConnection(role) { connection in
                    try await connection.run(
                        .init(
                            opening: options.opening(role: role), body: statements, closing: ["commit"],
                            role: role?.name))
                }
            }
        }
    }

    /// Runs one statement that reads and is quick, such as a row by its key, in one flight with those that other tasks
    /// of the loop ask for at about the same time.
    ///
    /// It takes as long as the slowest of them, and the server does not stop when the task is cancelled: nothing for a
    /// statement that searches or counts.
    public func look(_ sql: SQL, role: DatabaseRole? = nil) async throws -> Rows {
        try await onLoop { pool in
            try await self.retrying(.read) { try await pool.lookups.look(sql, role) }
        }
    }

    /// Runs `body` in a transaction, which commits when it returns and rolls back when it throws.
    ///
    /// A transaction that met another one (`40001`, `40P01`) is run again from the start, so `body` has no effects
    /// outside of the database.
    public func withTransaction<Value: Sendable>(
        role: DatabaseRole? = nil, options: TransactionOptions = .write,
        _ body: @escaping @Sendable (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        try await onLoop { pool in
            try await self.retrying(options) {
                try await pool.withConnection(role) { connection in
                    try await PostgresTransaction.run(on: connection, role: role, options: options, body)
                }
            }
        }
    }

    /// Lends a connection without a transaction: for what cannot run in one (`create database`, `vacuum`), and for
    /// session-level locks, which `body` must give back itself.
    public func withConnection<Value: Sendable>(
        login: String? = nil, _ body: @escaping @Sendable (PostgresSession) async throws -> Value
    ) async throws -> Value {
        try await onLoop { pool in
            try await pool.withConnection(login.map { DatabaseRole("", login: $0) }) { connection in
                let session = PostgresSession(connection: connection)
                defer { session.end() }
                return try await body(session)
            }
        }
    }

    private func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresPool) async throws -> Value
    ) async throws -> Value {
        if let current = EventLoop.current, let pool = pools.first(where: { $0.loop === current }) {
            return try await body(pool)
        }
        let loop = group.next()
        guard let pool = pools.first(where: { $0.loop === loop }) else {
            throw PostgresError(.usage, "A database has a pool for each loop of its group.")
        }
        return try await withTaskExecutorPreference(loop) { try await body(pool) }
    }

    private func retrying<Value: Sendable>(
        _ options: TransactionOptions, _ attempt: () async throws -> Value
    ) async throws -> Value {
        var tries = 1
        while true {
            do {
                return try await attempt()
            } catch let error as PostgresError where error.isTransient && tries < options.attempts {
                tries += 1
                // Those who met must not meet again at once.
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...(5 << tries))))
            }
        }
    }
}
