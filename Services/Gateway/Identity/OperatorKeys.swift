import Foundation
import Postgres
import Tenancy
import Values

/// The keys of the people who run the installation.
public struct OperatorKeys: Sendable {
    private let database: TenantDatabase

    public init(database: TenantDatabase) { self.database = database }

    /// Stores a new key; its text can never be read again.
    public func create(_ name: String, expiresAt: Timestamp? = nil) async throws -> (id: UUID, text: String) {
        let credential = Credential(.operatorKey)
        try await database.database.query(
            """
            insert into shared.operator_keys (id, name, secret_hash, created_at, expires_at)
            values (\(credential.id), \(name), \(credential.secretHash), \(Timestamp.now()), \(expiresAt))
            """, role: database.serviceRole)
        return (credential.id, credential.text)
    }

    /// False when there is no such key. Effective everywhere within a second.
    public func revoke(_ id: UUID) async throws -> Bool {
        let results = try await database.database.flight(
            role: database.serviceRole,
            [
                "update shared.operator_keys set revoked_at = coalesce(revoked_at, now()) where id = \(id)",
                "insert into shared.revocations (tenant, subject) values (null, \(id.lowercased))",
            ])
        return results[0].affected == 1
    }
}
