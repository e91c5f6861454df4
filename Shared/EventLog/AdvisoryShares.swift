import Postgres
import Runtime

/// Shares numbered parts of something among the sessions of a database, by advisory locks: a session that ends,
/// however it ends, gives up its parts at once.
///
/// Every member holds a shared lock that makes it known, and an exclusive one on each of its parts. Members look at
/// each other from time to time (``settle(_:held:on:)``) and each takes every n-th part.
struct AdvisoryShares: Sendable {
    /// First half of the locks' keys.
    private let space: Int32
    private static let membership: Int32 = .max

    init(_ name: String) {
        // FNV-1a, the same in every process.
        let hash = name.utf8.reduce(0x811c_9dc5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        space = Int32(truncatingIfNeeded: hash >> 1)
    }

    func join(_ session: PostgresSession) async throws {
        try await session.query("select pg_advisory_lock_shared(\(space), \(Self.membership))")
    }

    /// The parts of the member at `index` of `count` members.
    static func share(of parts: Int, index: Int, count: Int) -> Set<Int> {
        Set(stride(from: index, to: parts, by: max(1, count)))
    }

    /// What this session holds after giving up what is another's share and taking what it can get of its own.
    /// Nothing of what it gives up may be in use.
    func settle(_ parts: Int, held: Set<Int>, on session: PostgresSession) async throws -> Set<Int> {
        let rows = try await session.query(
            """
            select pid = pg_backend_pid() from pg_locks
            where locktype = 'advisory' and granted and objsubid = 2 and classid = \(Int64(space))::oid
                and objid = \(Int64(Self.membership))::oid
                and database = (select oid from pg_database where datname = current_database())
            order by pid
            """)
        let members = try rows.map { try $0.get(0, as: Bool.self) }
        let share = Self.share(of: parts, index: members.firstIndex(of: true) ?? 0, count: members.count)
        let given = held.subtracting(share).map { Int32($0) }
        let wanted = share.subtracting(held).sorted().map { Int32($0) }
        guard !given.isEmpty || !wanted.isEmpty else { return held }
        let results = try await session.pipeline([
            "select pg_advisory_unlock(\(space), p) from unnest(\(given)) p",
            "select p, pg_try_advisory_lock(\(space), p) from unnest(\(wanted)) p",
        ])
        let taken = try results[1].filter { try $0.get(1) }.map { Int(try $0.get(0, as: Int32.self)) }
        return held.intersection(share).union(taken)
    }
}

extension PostgresDatabase {
    /// Does something that only one may do at a time, or several if it is shared, of all who use this database; nil when
    /// somebody else does it.
    public func ifAlone<Value: Sendable>(
        _ name: String, isShared: Bool = false, _ role: DatabaseRole,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        let attempt = isShared ? "pg_try_advisory_lock_shared" : "pg_try_advisory_lock"
        return try await withLocks(role) { session in
            let answer = try await session.query("select \(raw: attempt)(hashtextextended(\(name), 0))")
            return try answer.single().get(0) ? try await body() : nil
        }
    }

    /// Lends a session with a role for session-level locks; gives up the locks and the role afterwards.
    public func withLocks<Value: Sendable>(
        _ role: DatabaseRole, _ body: @escaping @Sendable (PostgresSession) async throws -> Value
    ) async throws -> Value {
        try await withConnection(login: role.login) { session in
            try await session.query(SQL(raw: "set role \(SQL.quoted(role.name))"))
            let outcome: Result<Value, any Error>
            do { outcome = .success(try await body(session)) } catch { outcome = .failure(error) }
            // Also after a cancellation: the connection goes back to the pool.
            await Task(executorPreference: EventLoop.current) {
                do {
                    _ = try await session.pipeline(["select pg_advisory_unlock_all()", "reset role", "reset all"])
                } catch {
                    await session.discard()
                }
            }.value
            return try outcome.get()
        }
    }
}
