import Postgres

/// Which kind of log carries an installation's events, `postgres` or `kafka`: remembered in the embedded log's database,
/// whichever it is.
///
/// A service that is started with another kind would find that log empty and say nothing of what it misses.
public struct RememberedLog: Sendable {
    private let database: PostgresDatabase
    private let role: DatabaseRole?

    /// - Parameters:
    ///   - database: the embedded log's, prepared with ``EventLogSchema/log()``.
    ///   - role: may read the kind and remember the first one; a superuser, who may change it, needs none.
    public init(database: PostgresDatabase, role: DatabaseRole? = nil) {
        (self.database, self.role) = (database, role)
    }

    /// The kind that is remembered, if any is.
    public func kind() async throws -> String? {
        try await database.query("select kind from shared.log_kind", role: role).first?.get(0)
    }

    /// Remembers the kind if none is; throws ``EventLogError/otherKind(remembered:given:)`` when it is another one.
    public func settle(_ kind: String) async throws {
        let results = try await database.flight(
            role: role,
            [
                "insert into shared.log_kind (kind) values (\(kind)) on conflict do nothing",
                "select kind from shared.log_kind",
            ])
        let remembered: String = try results[1].single().get(0)
        guard remembered == kind else { throw EventLogError.otherKind(remembered: remembered, given: kind) }
    }

    /// Remembers another kind from now on.
    public func change(to kind: String) async throws {
        try await database.query(
            """
            insert into shared.log_kind (kind) values (\(kind))
            on conflict (only_one) do update set kind = excluded.kind, since = now()
            """, role: role)
    }
}
