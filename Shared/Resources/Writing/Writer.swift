import EventLog
import HTTP
import Postgres
import Tenancy
import Values

/// What a write wants: statements for one flight, and the answer that is true once they are committed.
public struct PreparedWrite: Sendable {
    public var statements: [SQL]
    public var response: HTTPResponse

    /// - Parameter statements: state first, then the outbox; none when there is nothing to change.
    public init(_ statements: [SQL], response: HTTPResponse) {
        self.statements = statements
        self.response = response
    }
}

/// Commits writes: version guards, idempotency and the wake-up of the relay are here and nowhere else.
public struct Writer: Sendable {
    public let database: TenantDatabase
    let committed: @Sendable () -> Void

    /// - Parameter committed: called after each commit; wakes the outbox's relay.
    public init(database: TenantDatabase, committed: @escaping @Sendable () -> Void) {
        self.database = database
        self.committed = committed
    }

    /// How often a write is decided anew when others change the same object at the same time.
    static let attempts = 12

    /// Many that change one object at once go on one by one, not all again at the same moment.
    static func pause(_ attempt: Int) async throws {
        guard attempt > 1 else { return }
        try await Task.sleep(for: .microseconds(Int.random(in: 0...(500 << min(attempt, 8)))))
    }

    /// Prepares a write and commits it in one flight. When somebody changed the object in between, it is prepared anew
    /// from the new state; `prepare` checks `If-Match` itself, against the state it read.
    public func write(
        _ context: WriteContext, prepare: @Sendable () async throws -> PreparedWrite
    ) async throws -> HTTPResponse {
        let schema = SchemaName(context.tenant)
        if let answer = try await stored(context) { return answer }
        var hasCollided = false
        for attempt in 1...Self.attempts {
            let write = try await prepare()
            var statements = write.statements
            if let claim = context.idempotency {
                statements.insert(claim.claim, at: 0)
                statements.append(claim.store(write.response, in: schema, at: context.now))
            }
            if statements.isEmpty { return write.response }
            do {
                _ = try await database.flight(context.tenant, statements)
                committed()
                return write.response
            } catch let error as PostgresError {
                switch SameRequest(error) {
                case .isRunning: throw Problem(.requestInProgress, retryAfter: .seconds(1))
                case .isDone: if let answer = try await stored(context) { return answer }
                case nil: break
                }
                switch error.sqlState {
                case WriteState.stale:
                    try await Self.pause(attempt)
                    continue
                case WriteState.uniqueViolation where !hasCollided:
                    // Somebody else made it between our look and our write: decided anew, it may be the same thing.
                    hasCollided = true
                    continue
                default: break
                }
                throw error
            }
        }
        throw Problem(
            .conflict,
            .init(en: "Others keep changing this object: send again.", zh: "该对象正被频繁修改，请重试。"), retryAfter: .seconds(1))
    }

    /// Commits statements that need no answer: jobs, sagas. Throws ``PostgresError`` as it comes.
    @discardableResult
    public func commit(_ tenant: TenantID, _ statements: [SQL]) async throws -> [Rows] {
        let rows = try await database.flight(tenant, statements)
        committed()
        return rows
    }

    /// Runs a transaction of several flights, where a later statement depends on what an earlier one read.
    public func transaction<Value: Sendable>(
        _ tenant: TenantID, _ body: @escaping @Sendable (TenantTransaction) async throws -> Value
    ) async throws -> Value {
        let value = try await database.write(tenant, body)
        committed()
        return value
    }

    /// The first answer to a request with this `Idempotency-Key`, nil when there was none yet.
    ///
    /// - Throws: 422 when the first request had another body.
    public func stored(_ context: WriteContext) async throws -> HTTPResponse? {
        guard let claim = context.idempotency else { return nil }
        let rows = try await database.query(context.tenant, claim.stored(in: SchemaName(context.tenant)))
        return try rows.first.map { try claim.replay($0) }
    }
}

extension PostgresError {
    /// Somebody was faster: what to do is decided anew from what he left.
    var isDecidedAnew: Bool { sqlState == WriteState.stale || sqlState == WriteState.uniqueViolation }
}

/// SQLSTATEs that decide how a write goes on.
public enum WriteState {
    /// `shared.require_rows` found fewer rows than must have changed.
    public static let stale = "GX412"
    /// `shared.claim_key` found the key taken.
    public static let running = "GX409"
    public static let uniqueViolation = "23505"
    public static let foreignKeyViolation = "23503"
}
