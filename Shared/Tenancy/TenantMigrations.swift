import JSON
import Postgres
import Runtime
import Values

/// What bringing all tenants up to date did.
public struct MigrationReport: Sendable {
    public internal(set) var migrated: [TenantID] = []
    /// Tenants that stay behind, with the reason; the next run tries them again.
    public internal(set) var failed: [TenantID: String] = [:]

    public init() {}
}

extension TenantProvisioner {
    /// The tenants whose schema is behind this program's migrations, by id.
    public func plan() async throws -> [TenantID] {
        let sql: SQL = """
            select id from shared.tenants
            where server = '' and exists (
                select 1 from jsonb_each(\(currentVersion)) as target
                where target.value::int > coalesce((schema_version -> target.key)::int, 0))
            order by id
            """
        return try await tenants.database.query(sql, role: login).compactMap { TenantID(try $0.get("id")) }
    }

    /// Brings every tenant's schema up to date, and touches no other: one short transaction for each migration, or for
    /// each batch of one that is done in batches, `parallel` tenants at a time. A tenant whose tables are in use for longer
    /// than `lockTimeout` is tried again a few times and then left for the next run; so is one whose migration fails.
    ///
    /// Whoever wants a table waits behind a migration that waits for it, so `lockTimeout` is also how long a tenant's
    /// requests may be held up.
    public func migrateAll(
        parallel: Int = 4, lockTimeout: Duration = .milliseconds(500),
        progress: @escaping @Sendable (TenantID, (any Error)?) -> Void = { _, _ in }
    ) async throws -> MigrationReport {
        var behind = try await plan()[...]
        var report = MigrationReport()
        await withTaskGroup(of: (TenantID, (any Error)?).self) { group in
            func startNext() {
                guard let tenant = behind.popFirst() else { return }
                group.addTask {
                    do {
                        try await migrate(tenant, lockTimeout: lockTimeout)
                        return (tenant, nil)
                    } catch {
                        return (tenant, error)
                    }
                }
            }
            for _ in 0..<max(1, parallel) { startNext() }
            while let (tenant, error) = await group.next() {
                if let error { report.failed[tenant] = "\(error)" } else { report.migrated.append(tenant) }
                progress(tenant, error)
                startNext()
            }
        }
        return report
    }

    private func migrate(_ tenant: TenantID, lockTimeout: Duration) async throws {
        var (attempt, isBehind) = (1, true)
        while isBehind {
            do {
                isBehind = try await takeStep(tenant, lockTimeout: lockTimeout)
                attempt = 1
            } catch let error as PostgresError where error.sqlState == SQLState.lockNotAvailable && attempt < 5 {
                attempt += 1
                // Those who waited behind the lock go first.
                try await Task.sleep(for: .milliseconds(100 * attempt))
            }
        }
    }

    /// The next migration, or a batch of it, by itself: what one of them locks nobody waits for while the next one works.
    ///
    /// - Returns: whether there may be more to do.
    private func takeStep(_ tenant: TenantID, lockTimeout: Duration) async throws -> Bool {
        let options = TransactionOptions(statementTimeout: .seconds(300), lockTimeout: lockTimeout)
        return try await tenants.database.withTransaction(role: login, options: options) { transaction in
            // Locks the entry: another run at the same time finds nothing left to do.
            let rows = try await transaction.query(
                "select schema_version from shared.tenants where id = \(tenant.text) for update")
            guard let row = rows.first,
                let step = try steps(of: tenant, after: Tenant.versions(try row.get("schema_version"))).first
            else { return false }
            guard let batch = step.batch else {
                _ = try await transaction.commit(after: step.statements + [step.note])
                return true
            }
            // Done is what finds nothing more to do.
            let isDone = try await transaction.query(batch).isEmpty
            _ = try await transaction.commit(after: isDone ? [step.note] : [])
            return true
        }
    }

    /// What brings a schema of these versions up to date, all at once; nothing if it is.
    func missing(_ tenant: TenantID, after versions: [String: Int]) throws -> [SQL] {
        try steps(of: tenant, after: versions).flatMap { $0.statements + [$0.note] }
    }

    /// A migration that is missing.
    private struct Step {
        let statements: [SQL]
        /// In place of the statements, until it returns nothing.
        let batch: SQL?
        /// Notes that it is done.
        let note: SQL
    }

    private func steps(of tenant: TenantID, after versions: [String: Int]) throws -> [Step] {
        var steps: [Step] = []
        for set in sets {
            for (index, migration) in set.tenant.enumerated().dropFirst(versions[set.name] ?? 0) {
                let reached = JSONObject([(set.name, .int(Int64(index + 1)))])
                let placeholders = placeholders(tenant)
                steps.append(
                    Step(
                        statements: try migration.statements(placeholders), batch: try migration.batch(placeholders),
                        note: """
                            update shared.tenants set schema_version = schema_version || \(JSON.object(reached))
                            where id = \(tenant.text)
                            """))
            }
        }
        return steps
    }
}
