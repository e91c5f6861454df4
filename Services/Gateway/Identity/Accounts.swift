import Contracts
import Foundation
import HTTP
import Postgres
import Security
import Tenancy
import Values

/// Reads from the database who users and keys are now.
struct Accounts: Sendable {
    /// The longest that a key is believed without another look, in seconds.
    static let keyLifetime: Int64 = 600

    let database: TenantDatabase

    // MARK: - Keys

    /// Nil when there is no such key, its secret is another, it expired or was revoked.
    func apiKey(_ credential: Credential, now: Int64) async throws -> Identity? {
        guard let tenant = try await tenant(ofKey: credential.id) else { return nil }
        return try await apiKey(credential.id, tenant: tenant, now: now) { credential.matches($0) }
    }

    private func apiKey(
        _ id: UUID, tenant: TenantID, now: Int64, isProven: ([UInt8]) -> Bool
    ) async throws -> Identity? {
        let rows = try await database.query(
            tenant,
            """
            select role, scopes, secret_hash, expires_at from \(schema: tenant).api_keys
            where id = \(id) and revoked_at is null
            """)
        guard let row = rows.first, isProven(try row.get("secret_hash")),
            let role = Role(rawValue: try row.get("role")),
            let expires = Self.expiry(try row.get("expires_at"), now)
        else { return nil }
        let principal = Principal(
            tenant: tenant, subject: id.lowercased, kind: .apiKey, role: role.rawValue,
            permissions: Self.permissions(of: role, scopes: try row.get("scopes")), visibility: role.visibility)
        return Identity(principal, expires: expires)
    }

    private func tenant(ofKey id: UUID) async throws -> TenantID? {
        let rows = try await database.database.query(
            "select tenant from shared.api_key_index where key_hash = \(APIKeys.indexHash(of: id))",
            role: database.serviceRole)
        return try rows.first.flatMap { TenantID(try $0.get(0)) }
    }

    func operatorKey(_ credential: Credential, now: Int64) async throws -> Identity? {
        let rows = try await database.database.query(
            """
            select secret_hash, expires_at from shared.operator_keys where id = \(credential.id) and revoked_at is null
            """, role: database.serviceRole)
        guard let row = rows.first, credential.matches(try row.get(0)), let expires = Self.expiry(try row.get(1), now)
        else { return nil }
        return Identity(.operatorKey(credential.id), expires: expires)
    }

    /// Until when a key is believed; nil when it has expired.
    private static func expiry(_ expiresAt: Timestamp?, _ now: Int64) -> Int64? {
        let end = min(now + keyLifetime, expiresAt.map { $0.microseconds / 1_000_000 } ?? .max)
        return end > now ? end : nil
    }

    /// Scopes narrow what the role may; none leave it as it is.
    static func permissions(of role: Role, scopes: [String]) -> Set<Permission> {
        scopes.isEmpty ? role.permissions : role.permissions.intersection(scopes.map { Permission($0) })
    }

    // MARK: - Tokens

    /// Who a valid token's user or key is now; nil when that may not act any more.
    func principal(of token: AccessToken, now: Int64) async throws -> Principal? {
        guard token.kind == .user else {
            return try await apiKey(token.subject, tenant: token.tenant, now: now) { _ in true }?.principal
        }
        return try await user(token.subject, tenant: token.tenant, session: token.session)
    }

    /// - Parameter session: must be one of the user's that has not ended.
    private func user(_ id: UUID, tenant: TenantID, session: UUID?) async throws -> Principal? {
        let schema = SchemaName(tenant)
        let rows = try await database.query(
            tenant,
            """
            with recursive person as (
                select u.id, u.role, u.team_id, u.language from \(schema).users u
                join \(schema).sessions s on s.user_id = u.id
                where u.id = \(id) and s.id = \(session) and s.expires_at > now()
                    and u.status = 'active' and u.deleted_at is null
            ), below as (
                select t.id from \(schema).teams t, person p
                where t.deleted_at is null and (t.id = p.team_id or t.manager_id = p.id)
                union
                select t.id from \(schema).teams t join below b on t.parent_id = b.id where t.deleted_at is null
            )
            select role, team_id, language, array(select id from below order by id) as below from person
            """)
        guard let row = rows.first, let role = Role(rawValue: try row.get("role")) else { return nil }
        let teams: [UUID] =
            switch role.visibility {
            case .own, .all: []
            case .team: [try row.get("team_id", as: UUID?.self)].compactMap(\.self)
            case .subtree: try row.get("below")
            }
        return Principal(
            tenant: tenant, subject: id.lowercased, kind: .user, role: role.rawValue, permissions: role.permissions,
            visibility: role.visibility, teamIDs: teams, language: Language(rawValue: try row.get("language")))
    }
}
