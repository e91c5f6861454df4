import Postgres
import ServiceKit
import Values

/// One moment of a tenant in all services: a snapshot of each database, all taken while nobody can write to the tenant.
///
/// The tenant's tables are locked against writing, in one database after the other, until each has its snapshot. That
/// takes milliseconds, in which writes wait; they are not refused. Then the locks go and the rows are read at leisure.
/// So no part of the backup knows of anything that another does not: a conversion is in the same step everywhere, and
/// no consumer is ahead of the service whose events it reads.
struct TenantCut: Sendable {
    /// A service's database at that moment.
    struct Snapshot: Sendable {
        let service: BackupDatabases.Service
        let transaction: PostgresTransaction
    }

    let services: [BackupDatabases.Service]
    let tenant: TenantID

    /// Waits for a lock this long at most: who writes waits behind it.
    static let patience = Duration.milliseconds(300)
    static let attempts = 30

    private static let snapshotOptions: TransactionOptions = {
        var options = TransactionOptions(isolation: .repeatableRead, readOnly: true, statementTimeout: .zero)
        options.attempts = 1
        return options
    }()

    private static let lockOptions: TransactionOptions = {
        var options = TransactionOptions(statementTimeout: .seconds(10), lockTimeout: patience)
        options.attempts = 1
        return options
    }()

    /// - Parameter body: what is done with the snapshots; and how long writes had to wait.
    func take<Value: Sendable>(
        _ body: @escaping @Sendable ([Snapshot], Duration) async throws -> Value
    ) async throws -> Value {
        try await Self.holding(services[...], Self.snapshotOptions, []) { transactions in
            let snapshots = zip(services, transactions).map { Snapshot(service: $0, transaction: $1) }
            return try await body(snapshots, try await freeze(snapshots))
        }
    }

    /// The services' databases each at its own moment, without locks: for when nobody writes.
    func look<Value: Sendable>(_ body: @escaping @Sendable ([Snapshot]) async throws -> Value) async throws -> Value {
        try await Self.holding(services[...], Self.snapshotOptions, []) { transactions in
            try await body(zip(services, transactions).map { Snapshot(service: $0, transaction: $1) })
        }
    }

    /// Takes the snapshots; how long nobody could write.
    private func freeze(_ snapshots: [Snapshot]) async throws -> Duration {
        // A tenant gets no new tables meanwhile, or only from a migration, which backups do not run beside.
        var tables: [SQL] = []
        for service in services { try await tables.append(self.tables(of: service)) }
        var attempt = 1
        while true {
            do {
                let began = ContinuousClock.now
                // The transactions have not begun until their first statement, which makes the snapshot.
                try await Self.holding(services[...], Self.lockOptions, []) { [tables] locks in
                    for (lock, tables) in zip(locks, tables) {
                        // A vacuum under way gives way after this time, not only after a second.
                        _ = try await lock.pipeline(["set local deadlock_timeout = '20ms'", tables])
                    }
                    for snapshot in snapshots { try await snapshot.transaction.query("select 1") }
                }
                return began.duration(to: .now)
            } catch let error as PostgresError where Self.isBusy(error) {
                guard attempt < Self.attempts else {
                    throw CommandFailure(
                        "the tenant is too busy: its tables could not be held for a moment (\(error)); try again later")
                }
                // Those who waited behind the lock go first.
                attempt += 1
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    private static func isBusy(_ error: PostgresError) -> Bool {
        error.isTransient || error.sqlState == SQLState.lockNotAvailable
    }

    /// What locks the tenant's tables.
    private func tables(of service: BackupDatabases.Service) async throws -> SQL {
        let names = try await service.postgres.query(
            """
            select string_agg(format('%I.%I', n.nspname, c.relname), ', ' order by c.relname)
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = \(tenant.schema) and c.relkind = 'r'
            """)
        guard let list = try names.single().get(0, as: String?.self) else {
            throw CommandFailure(
                "the database of \(service.name) has no such tenant on this server: name the one that guanxi tenant "
                    + "list shows, or wait until it is made")
        }
        return SQL(raw: "lock table \(list) in share mode").unprepared()
    }

    /// Opens a transaction in each database, one inside of the other.
    private static func holding<Value: Sendable>(
        _ services: ArraySlice<BackupDatabases.Service>, _ options: TransactionOptions,
        _ held: [PostgresTransaction], _ body: @escaping @Sendable ([PostgresTransaction]) async throws -> Value
    ) async throws -> Value {
        guard let first = services.first else { return try await body(held) }
        return try await first.postgres.withTransaction(options: options) { transaction in
            try await holding(services.dropFirst(), options, held + [transaction], body)
        }
    }
}
