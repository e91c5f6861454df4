import Contracts
import EventLog
import Postgres
import Tenancy
import Values

extension GatewayService {
    /// Makes a tenant that was restored known, in the transaction that releases it here, as the database's owner.
    ///
    /// API keys lead to one tenant. Those that still lead to the one the backup is of stay with it, and are revoked in
    /// the copy.
    ///
    /// - Returns: how many keys stay with the other tenant.
    public static func register(
        restored description: TenantDescription, on transaction: PostgresTransaction
    ) async throws -> Int {
        var record = TenantRecord(description, state: .active, at: Timestamp.now().wholeMilliseconds)
        record.isSettled = true
        let event = record.event(TenantEvents.created, actor: "operator", traceparent: nil)
        let schema = SchemaName(description.id)
        let results = try await transaction.pipeline([
            "delete from shared.tenant_records where id = \(description.id.text) and state = 'restoring'",
            TenantStore.insertion(of: record), Outbox.insertNamingTenants([event]),
            """
            insert into shared.api_key_index (key_hash, tenant)
            select \(Self.keyHash), \(description.id.text) from \(schema).api_keys where revoked_at is null
            on conflict do nothing
            """,
            """
            update \(schema).api_keys set revoked_at = now()
            where revoked_at is null and not exists (
                select from shared.api_key_index where key_hash = \(Self.keyHash) and tenant = \(description.id.text))
            """,
        ])
        return results[4].affected
    }

    /// ``APIKeys/indexHash(of:)`` of the column `id`.
    private static let keyHash: SQL = "sha256(convert_to(replace(id::text, '-', ''), 'UTF8'))"

    /// What one restore at a time under a short name holds, as an advisory lock of the gateway's database.
    public static func restoreTurn(_ slug: String) -> String { "restore \(slug)" }

    /// The tenant that is being restored under a short name, nil when there is none.
    /// - Throws: ``Tenancy/TenancyError/slugTaken(_:)`` when a tenant has it that lives.
    public static func restoring(as slug: String, in database: TenantDatabase) async throws -> TenantID? {
        let rows = try await database.database.query(
            "select id, state from shared.tenant_records where slug = \(slug)", role: database.serviceRole)
        guard let row = rows.first else { return nil }
        guard try row.get(1) == TenantRecord.State.restoring.rawValue else { throw TenancyError.slugTaken(slug) }
        return TenantID(try row.get(0))
    }

    /// Notes a tenant that is going to be restored: operators see it, and can remove what an interruption left.
    public static func note(restoring description: TenantDescription, in database: TenantDatabase) async throws {
        var record = TenantRecord(description, state: .restoring, at: Timestamp.now().wholeMilliseconds)
        record.isSettled = true
        do {
            try await database.database.query(
                "\(TenantStore.insertion(of: record)) on conflict (id) do nothing", role: database.serviceRole)
        } catch let error as PostgresError where error.constraint == "tenant_records_slug_key" {
            throw TenancyError.slugTaken(description.slug)
        }
    }

    /// Forgets one that was noted and will not be.
    public static func forget(restoring tenant: TenantID, in database: TenantDatabase) async throws {
        try await database.database.query(
            "delete from shared.tenant_records where id = \(tenant.text) and state = 'restoring'",
            role: database.serviceRole)
    }
}
