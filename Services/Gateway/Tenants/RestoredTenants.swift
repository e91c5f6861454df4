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
        return results[3].affected
    }

    /// ``APIKeys/indexHash(of:)`` of the column `id`.
    private static let keyHash: SQL = "sha256(convert_to(replace(id::text, '-', ''), 'UTF8'))"

    /// Whether the short name is free.
    public static func isFree(_ slug: String, in database: TenantDatabase) async throws -> Bool {
        try await database.database.query(
            "select from shared.tenant_records where slug = \(slug)", role: database.serviceRole
        ).isEmpty
    }
}
