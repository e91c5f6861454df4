import JSON
import Postgres
import Values

/// A tenant that is made from a backup in a service's database: first its schema as it was, then its rows, at last,
/// when every service has its rows, what lets it live. Each step is one transaction that is not repeated.
public struct RestoredTenant: Sendable {
    public let description: TenantDescription
    /// The last migration of each set that the schema in the backup has had.
    public let versions: [String: Int]
    /// The tenant of which this is a copy, in the end.
    public let origin: TenantID
    public let backup: String

    public init(_ description: TenantDescription, versions: [String: Int], origin: TenantID, backup: String) {
        self.description = description
        self.versions = versions
        self.origin = origin
        self.backup = backup
    }
}

extension TenantProvisioner {
    private static let fillOptions: TransactionOptions = {
        var options = TransactionOptions(statementTimeout: .zero, lockTimeout: .seconds(10))
        // The rows come from a file: an attempt is not repeated behind the caller's back.
        options.attempts = 1
        return options
    }()

    /// The tenant that an earlier, interrupted restore of a backup under a short name made here.
    public func restored(from backup: String, as slug: String) async throws -> TenantID? {
        let rows = try await tenants.database.query(
            """
            select t.id from shared.restored_tenants r join shared.tenants t on t.id = r.tenant
            where r.backup = \(backup) and t.slug = \(slug)
            """, role: login)
        return try rows.first.flatMap { TenantID(try $0.get(0)) }
    }

    /// The tenant of which another is a copy, in the end; itself if it is none.
    public static func origin(of tenant: TenantID, on transaction: PostgresTransaction) async throws -> TenantID {
        let rows = try await transaction.query(
            "select origin from shared.restored_tenants where tenant = \(tenant.text)")
        return try rows.first.flatMap { TenantID(try $0.get(0)) } ?? tenant
    }

    /// Which tenants are copies of which.
    public func origins() async throws -> [TenantID: TenantID] {
        let rows = try await inspect { try await $0.query("select tenant, origin from shared.restored_tenants") }
        return try rows.reduce(into: [:]) { origins, row in
            if let tenant = TenantID(try row.get(0)) { origins[tenant] = TenantID(try row.get(1)) }
        }
    }

    /// Tenants that were here once.
    public func departed() async throws -> Set<TenantID> {
        let rows = try await inspect { try await $0.query("select id from shared.departed_tenants") }
        return Set(try rows.compactMap { TenantID(try $0.get(0)) })
    }

    /// Makes the schema as it was when the backup was taken, empty and suspended.
    ///
    /// - Throws: ``Postgres/MigrationError`` when the backup is of a later version; ``TenancyError/slugTaken(_:)``.
    public func make(_ restored: RestoredTenant) async throws {
        for (name, version) in restored.versions {
            let known = sets.first { $0.name == name }?.tenant.count ?? 0
            guard version <= known else {
                throw MigrationError(
                    "The backup was made by a later version of this program (\(name) \(version), here \(known)): use that."
                )
            }
        }
        let then = try sets.map { set in
            try MigrationSet(
                name: set.name, shared: set.shared,
                tenant: Array(set.tenant.prefix(restored.versions[set.name] ?? 0)))
        }
        let id = restored.description.id.text
        _ = try await TenantProvisioner(tenants, sets: then).provision(
            restored.description,
            and: [
                "update shared.tenants set status = 'suspended' where id = \(id)",
                """
                insert into shared.restored_tenants (tenant, origin, backup)
                values (\(id), \(restored.origin.text), \(restored.backup))
                """,
            ])
    }

    /// Lets `body` put the rows in, as the owner, and then brings the schema up to date.
    public func fill(
        _ restored: RestoredTenant, _ body: @escaping @Sendable (PostgresTransaction) async throws -> Void
    ) async throws {
        try await step(restored, from: "made", to: "filled") { transaction in
            try await body(transaction)
            let statements = try missing(restored.description.id, after: restored.versions)
            _ = try await transaction.pipeline(statements)
        }
    }

    /// Lets the tenant live; `body` puts in, as the owner, what has to happen at that moment.
    public func release(
        _ restored: RestoredTenant, _ body: @escaping @Sendable (PostgresTransaction) async throws -> Void
    ) async throws {
        try await step(restored, from: "filled", to: "released") { transaction in
            try await body(transaction)
            try await transaction.query(
                "update shared.tenants set status = 'active' where id = \(restored.description.id.text)")
        }
        try await tenants.directory.refresh()
    }

    private func step(
        _ restored: RestoredTenant, from state: String, to next: String,
        _ body: @escaping @Sendable (PostgresTransaction) async throws -> Void
    ) async throws {
        let id = restored.description.id.text
        try await tenants.database.withTransaction(role: login, options: Self.fillOptions) { transaction in
            let rows = try await transaction.query(
                "select state from shared.restored_tenants where tenant = \(id) for update")
            guard try rows.single().get(0) == state else { return }
            try await body(transaction)
            try await transaction.query("update shared.restored_tenants set state = \(next) where tenant = \(id)")
        }
    }
}
