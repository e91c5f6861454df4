import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// One-time values by which a user sets a password.
struct PasswordResets: Sendable {
    static let lifetime = Duration.seconds(86_400)

    let database: TenantDatabase
    let passwords: Passwords
    let revocations: Revocations

    /// Makes a value for a user; an earlier one is worthless from then on.
    /// - Throws: 404 for a user who is not there, 403 for one who may more than whoever asks: the value makes one that user.
    func create(user: UUID, by creator: Principal, tenant: TenantID) async throws -> (
        text: String, expiresAt: Timestamp
    ) {
        let found = try await database.query(
            tenant, "select role from \(schema: tenant).users where id = \(user) and deleted_at is null")
        guard let row = found.first else { throw Problem(.notFound) }
        guard let role = Role(rawValue: try row.get(0)), role.permissions.isSubset(of: creator.permissions) else {
            throw Directory.tooMuch
        }
        let credential = Credential(.passwordReset, tenant: tenant)
        let expires = (Timestamp.now() + Self.lifetime).wholeMilliseconds
        let rows = try await database.flight(
            tenant,
            [
                """
                insert into \(schema: tenant).password_resets (user_id, id, secret_hash, created_by, expires_at)
                select id, \(credential.id), \(credential.secretHash), \(creator.subject), \(expires)
                from \(schema: tenant).users where id = \(user) and role = \(role.rawValue) and deleted_at is null
                on conflict (user_id) do update set id = excluded.id, secret_hash = excluded.secret_hash,
                    created_by = excluded.created_by, expires_at = excluded.expires_at
                returning id
                """
            ])[0]
        guard !rows.isEmpty else { throw Problem(.notFound) }
        return (credential.text, expires)
    }

    /// Sets the password of the value's user, whose sessions all end.
    /// - Throws: 404 for a value that is unknown, used or expired.
    func redeem(_ text: String, password: String) async throws {
        guard let credential = Credential(text, kind: .passwordReset), let tenant = credential.tenant else {
            throw Problem(.notFound)
        }
        let found = try await database.query(
            tenant,
            """
            select user_id from \(schema: tenant).password_resets
            where id = \(credential.id) and secret_hash = \(credential.secretHash) and expires_at > now()
            """)
        guard let user: UUID = try found.first?.get(0) else { throw Problem(.notFound) }
        let hash = try await passwords.hash(password)
        try await set(hash, of: user, tenant: tenant) { schema in
            "delete from \(schema).password_resets where id = \(credential.id)"
        }
    }

    /// Sets a password that was hashed already and ends the user's sessions.
    ///
    /// - Parameter permit: must touch one row, or nothing is kept.
    func set(
        _ hash: String, of user: UUID, tenant: TenantID, permit: @escaping @Sendable (SchemaName) -> SQL
    ) async throws {
        try await database.write(tenant) { tx in
            guard try await tx.execute(permit(tx.schema)) == 1 else { throw Problem(.notFound) }
            try await tx.commit(after: [
                """
                insert into \(tx.schema).credentials (user_id, password_hash, changed_at)
                values (\(user), \(hash), now())
                on conflict (user_id) do update set password_hash = excluded.password_hash, changed_at = now()
                """,
                "delete from \(tx.schema).sessions where user_id = \(user)",
                Revocation.statement(user.lowercased),
            ])
        }
        try await revocations.look()
    }
}
