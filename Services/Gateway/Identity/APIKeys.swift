import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Security
import Tenancy
import Values

/// A machine's key, without its secret.
struct APIKey: Sendable, Hashable {
    let id: UUID
    let name: String
    let role: Role
    /// Empty: everything that the role may.
    let scopes: [String]
    let createdBy: String
    let createdAt: Timestamp
    let expiresAt: Timestamp?
    var revokedAt: Timestamp?

    var json: JSON {
        [
            "id": id.json, "name": name.json, "role": role.rawValue.json, "scopes": scopes.json,
            "createdBy": createdBy.json, "createdAt": createdAt.json, "expiresAt": expiresAt.json,
            "revokedAt": revokedAt.json,
        ]
    }
}

/// The API keys of tenants.
struct APIKeys: Sendable {
    private static let columns: SQL =
        "id, name, role, scopes, created_by, created_at, expires_at, revoked_at"

    let database: TenantDatabase
    let revocations: Revocations

    /// What the index knows a key by.
    static func indexHash(of id: UUID) -> [UInt8] { Digest.sha256(Credential.text(of: id)).bytes }

    /// Stores a new key; answers it with its text, which can never be read again.
    func create(
        _ name: String, role: Role, scopes: [String], expiresAt: Timestamp?, by creator: Principal, tenant: TenantID
    ) async throws -> (key: APIKey, text: String) {
        let credential = Credential(.apiKey)
        let key = APIKey(
            id: credential.id, name: name, role: role, scopes: scopes, createdBy: creator.subject,
            createdAt: Timestamp.now().wholeMilliseconds, expiresAt: expiresAt)
        _ = try await database.flight(
            tenant,
            [
                """
                insert into \(schema: tenant).api_keys
                    (id, name, role, scopes, secret_hash, created_by, created_at, expires_at)
                values (\(key.id), \(name), \(role.rawValue), \(scopes), \(credential.secretHash), \(key.createdBy),
                    \(key.createdAt), \(expiresAt))
                """,
                "insert into shared.api_key_index (key_hash) values (\(Self.indexHash(of: key.id)))",
            ])
        return (key, credential.text)
    }

    /// The keys after `after` by id, at most `limit`, revoked ones too.
    func list(_ tenant: TenantID, after: UUID?, limit: Int) async throws -> [APIKey] {
        let from: SQL = after.map { "where id > \($0)" } ?? ""
        return try await database.query(
            tenant, "select \(Self.columns) from \(schema: tenant).api_keys \(from) order by id limit \(limit)"
        ).map(Self.key)
    }

    func find(_ id: UUID, tenant: TenantID) async throws -> APIKey {
        let rows = try await database.query(
            tenant, "select \(Self.columns) from \(schema: tenant).api_keys where id = \(id)")
        guard let row = rows.first else { throw Problem(.notFound) }
        return try Self.key(row)
    }

    /// From the commit on nobody believes the key: here at once, elsewhere within a second.
    func revoke(_ id: UUID, tenant: TenantID) async throws {
        let results = try await database.flight(
            tenant,
            [
                """
                update \(schema: tenant).api_keys set revoked_at = coalesce(revoked_at, now()) where id = \(id)
                """, Revocation.statement(id.lowercased),
            ])
        try await revocations.look()
        guard results[0].affected == 1 else { throw Problem(.notFound) }
    }

    private static func key(_ row: Row) throws -> APIKey {
        guard let role = Role(rawValue: try row.get("role")) else {
            throw PostgresError.unexpected("an API key has a role of a later version of this program")
        }
        return APIKey(
            id: try row.get("id"), name: try row.get("name"), role: role, scopes: try row.get("scopes"),
            createdBy: try row.get("created_by"), createdAt: try row.get("created_at"),
            expiresAt: try row.get("expires_at"), revokedAt: try row.get("revoked_at"))
    }
}
