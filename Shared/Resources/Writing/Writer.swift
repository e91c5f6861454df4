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

    /// Prepares a write and commits it in one flight. When somebody changed the object in between, it is prepared anew
    /// from the new state; `prepare` checks `If-Match` itself, against the state it read.
    public func write(
        _ context: WriteContext, prepare: @Sendable () async throws -> PreparedWrite
    ) async throws -> HTTPResponse {
        if let answer = try await stored(context) { return answer }
        do {
            return try await Self.retrying { try await writeOnce(context, prepare()) }
        } catch let error as PostgresError where error.isStale {
            throw Problem(
                .conflict,
                .init(en: "Others keep changing this object: send again.", zh: "该对象正被频繁修改，请重试。"),
                retryAfter: .seconds(1))
        }
    }

    private func writeOnce(_ context: WriteContext, _ write: PreparedWrite) async throws -> HTTPResponse {
        var statements = write.statements
        if let claim = context.idempotency {
            statements.insert(claim.claim, at: 0)
            statements.append(claim.store(write.response, in: SchemaName(context.tenant), at: context.now))
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
            throw error
        }
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
