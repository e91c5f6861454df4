import Foundation
import HTTP
import JSON
import Postgres
import Security
import Tenancy
import Values

/// What a log-in answers.
struct TokenPair: Sendable {
    let accessToken: String
    let refreshToken: String

    var json: JSON {
        [
            "accessToken": accessToken.json, "refreshToken": refreshToken.json, "expiresIn": .int(AccessToken.lifetime),
            "tokenType": "Bearer",
        ]
    }
}

/// Log-ins of users: a refresh token of 30 days that changes with each use, and access tokens of ten minutes.
struct Sessions: Sendable {
    static let lifetime = Duration.seconds(30 * 86_400)
    /// How many of a session's former refresh tokens are known again.
    private static let remembered = 50

    let database: TenantDatabase
    let keys: SigningKeys
    let passwords: Passwords
    let throttle: LoginThrottle
    let revocations: Revocations

    // MARK: - Beginning

    /// Logs a user in.
    ///
    /// Whatever is wrong (tenant, user, password, a user who may not) looks the same and takes the same time.
    func begin(tenant slug: String, login: String, password: String) async throws -> TokenPair {
        guard let tenant = try await tenant(slug) else {
            _ = try await passwords.check(password, against: nil)
            throw Self.refused
        }
        try await throttle.begin(login, tenant: tenant.id)
        let rows = try await database.query(
            tenant.id,
            """
            select u.id, c.password_hash from \(tenant.schema).users u
            join \(tenant.schema).credentials c on c.user_id = u.id
            where lower(u.login) = lower(\(login)) and u.status = 'active' and u.deleted_at is null
            """)
        let hash = try rows.first?.get("password_hash", as: String.self)
        guard try await passwords.check(password, against: hash), let row = rows.first, let hash else {
            throw Self.refused
        }
        return try await open(user: try row.get("id"), proven: hash, login: login, tenant: tenant)
    }

    private func tenant(_ slug: String) async throws -> Tenant? {
        let tenant = try await database.directory.named(slug)
        return tenant?.status == .active ? tenant : nil
    }

    /// - Parameter hash: of the password that was proven: another one since, and it has proven nothing.
    private func open(user: UUID, proven hash: String, login: String, tenant: Tenant) async throws -> TokenPair {
        let refresh = Credential(.refreshToken, tenant: tenant.id)
        let now = Timestamp.now()
        let results = try await database.flight(
            tenant.id,
            [
                """
                insert into \(tenant.schema).sessions (id, user_id, refresh_hash, created_at, refreshed_at, expires_at)
                select \(refresh.id), u.id, \(refresh.secretHash), \(now), \(now), \(now + Self.lifetime)
                from \(tenant.schema).users u join \(tenant.schema).credentials c on c.user_id = u.id
                where u.id = \(user) and c.password_hash = \(hash) and u.status = 'active' and u.deleted_at is null
                for share of u, c
                """, throttle.forget(login)(tenant.schema),
                "delete from \(tenant.schema).sessions where expires_at < \(now)",
            ])
        guard results[0].affected == 1 else { throw Self.refused }
        return try pair(refresh, user: user, tenant: tenant.id)
    }

    private func pair(_ refresh: Credential, user: UUID, tenant: TenantID) throws -> TokenPair {
        let token = AccessToken(tenant: tenant, subject: user, kind: .user, session: refresh.id)
        let claims = token.claims(now: Timestamp.now().microseconds / 1_000_000)
        return TokenPair(accessToken: try keys.signer.sign(claims), refreshToken: refresh.text)
    }

    static let refused = Problem(.invalidCredentials)

    // MARK: - Going on

    /// Exchanges a refresh token for new tokens. One that was exchanged before is in two hands: the session ends.
    func refresh(_ text: String) async throws -> TokenPair {
        guard let old = Credential(text, kind: .refreshToken), let tenant = old.tenant else { throw Self.refused }
        do { _ = try await database.directory.active(tenant) } catch TenancyError.unknown { throw Self.refused }
        let new = Credential(.refreshToken, tenant: tenant, id: old.id)
        let now = Timestamp.now()
        let rows = try await database.flight(
            tenant,
            [
                """
                update \(schema: tenant).sessions s
                set refresh_hash = \(new.secretHash), refreshed_at = \(now), expires_at = \(now + Self.lifetime),
                    used_hashes = (s.refresh_hash || s.used_hashes)[1:\(Self.remembered)::int]
                from \(schema: tenant).users u
                where s.id = \(old.id) and s.refresh_hash = \(old.secretHash) and s.expires_at > \(now)
                    and u.id = s.user_id and u.status = 'active' and u.deleted_at is null
                returning s.user_id
                """
            ])[0]
        guard let row = rows.first else {
            // A guess at the secret of a known session ends nothing.
            if try await wasUsed(old, tenant) { try await end(old.id, tenant: tenant) }
            throw Self.refused
        }
        return try pair(new, user: try row.get(0), tenant: tenant)
    }

    private func wasUsed(_ token: Credential, _ tenant: TenantID) async throws -> Bool {
        let rows = try await database.query(
            tenant,
            "select from \(schema: tenant).sessions where id = \(token.id) and \(token.secretHash) = any(used_hashes)")
        return !rows.isEmpty
    }

    // MARK: - Ending

    /// Ends a session; its access tokens are worthless from now on. One that is not there is no error.
    func end(_ session: UUID, tenant: TenantID) async throws {
        let ended = try await database.flight(
            tenant,
            [
                """
                with ended as (delete from \(schema: tenant).sessions where id = \(session) returning id)
                insert into shared.revocations (subject) select id::text from ended
                """
            ])[0]
        if ended.affected > 0 { try await revocations.look() }
    }
}

extension ProblemType {
    static let invalidCredentials = ProblemType(
        "invalidCredentials", 401,
        title: .init(en: "Wrong credentials", zh: "登录凭据错误"),
        advice: .init(
            en: "Check tenant, user and password; after a change of password or role, log in again.",
            zh: "请检查租户、用户名和密码；若密码或角色已变更，请重新登录。"))
}
