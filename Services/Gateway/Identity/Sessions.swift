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
    /// How long a refresh token that was just exchanged is answered again: the answer may have been lost, or two windows
    /// of one browser have asked at once.
    static let grace = Duration.seconds(30)
    /// How many of a session's former refresh tokens are known again.
    private static let remembered = 50

    let database: TenantDatabase
    /// Makes the successors of refresh tokens.
    let secret: String
    let keys: SigningKeys
    let passwords: Passwords
    let throttle: LoginThrottle
    let revocations: Revocations

    // MARK: - Beginning

    /// Logs a user in.
    ///
    /// Whatever is wrong (tenant, user, password, a user who may not) looks the same and takes the same time.
    ///
    /// - Parameter network: see ``HTTPRequest/remoteNetwork``.
    func begin(tenant slug: String, login: String, password: String, from network: String) async throws -> TokenPair {
        let tenant = try await tenant(slug)
        let attempt = LoginThrottle.Attempt(tenant: tenant?.id, slug: slug, login: login, network: network)
        try await throttle.begin(attempt)
        guard let tenant else {
            _ = try await passwords.check(password, against: nil)
            throw Self.refused
        }
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
        return try await open(user: try row.get("id"), proven: hash, forgetting: [throttle.forget(attempt)], tenant.id)
    }

    private func tenant(_ slug: String) async throws -> Tenant? {
        let tenant = try await database.directory.named(slug)
        return tenant?.status == .active ? tenant : nil
    }

    /// - Parameter hash: of the password that was proven: another one since, and it has proven nothing.
    func open(
        user: UUID, proven hash: String, forgetting attempts: [SQL] = [], _ tenant: TenantID
    ) async throws -> TokenPair {
        let refresh = Credential(.refreshToken, tenant: tenant)
        let now = Timestamp.now()
        let results = try await database.flight(
            tenant,
            [
                """
                insert into \(schema: tenant).sessions (id, user_id, refresh_hash, created_at, refreshed_at, expires_at)
                select \(refresh.id), u.id, \(refresh.secretHash), \(now), \(now), \(now + Self.lifetime)
                from \(schema: tenant).users u join \(schema: tenant).credentials c on c.user_id = u.id
                where u.id = \(user) and c.password_hash = \(hash) and u.status = 'active' and u.deleted_at is null
                for share of u, c
                """, "delete from \(schema: tenant).sessions where expires_at < \(now)",
            ] + attempts)
        guard results[0].affected == 1 else { throw Self.refused }
        return try pair(refresh, user: user, tenant: tenant)
    }

    private func pair(_ refresh: Credential, user: UUID, tenant: TenantID) throws -> TokenPair {
        let token = AccessToken(tenant: tenant, subject: user, kind: .user, session: refresh.id)
        let claims = token.claims(now: Timestamp.now().microseconds / 1_000_000)
        return TokenPair(accessToken: try keys.signer.sign(claims), refreshToken: refresh.text)
    }

    static let refused = Problem(.invalidCredentials)

    // MARK: - Going on

    /// Exchanges a refresh token for new tokens. One that was exchanged before is in two hands, and the session ends;
    /// except that the last one is answered the same again for a while, see ``grace``.
    func refresh(_ text: String) async throws -> TokenPair {
        guard let old = Credential(text, kind: .refreshToken), let tenant = old.tenant else { throw Self.refused }
        do { _ = try await database.directory.active(tenant) } catch TenancyError.unknown { throw Self.refused }
        let new = old.successor(secret: secret)
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
                """,
                """
                select s.user_id from \(schema: tenant).sessions s join \(schema: tenant).users u on u.id = s.user_id
                where s.id = \(old.id) and s.refresh_hash = \(new.secretHash) and s.used_hashes[1] = \(old.secretHash)
                    and s.refreshed_at > \(now - Self.grace) and u.status = 'active' and u.deleted_at is null
                """,
            ])[1]
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

    /// Ends a session; its access tokens are worthless from now on.
    ///
    /// - Parameter user: whose it must be; nil for anybody's.
    /// - Returns: false for one that is not there, or not the user's.
    @discardableResult
    func end(_ session: UUID, of user: UUID? = nil, tenant: TenantID) async throws -> Bool {
        let isOwn: SQL = user.map { "user_id = \($0)" } ?? "true"
        let ended = try await database.flight(
            tenant,
            [
                """
                with ended as (
                    delete from \(schema: tenant).sessions
                    where id = \(session) and \(isOwn) returning id)
                insert into shared.revocations (subject) select id::text from ended
                """
            ])[0]
        if ended.affected > 0 { try await revocations.look() }
        return ended.affected > 0
    }
}

/// A log-in that goes on.
struct Session: Sendable {
    let id: UUID
    let createdAt: Timestamp
    let refreshedAt: Timestamp
    let expiresAt: Timestamp

    func json(current: UUID?) -> JSON {
        [
            "id": id.lowercased.json, "createdAt": createdAt.json, "lastUsedAt": refreshedAt.json,
            "expiresAt": expiresAt.json, "isCurrent": .bool(id == current),
        ]
    }
}

extension Sessions {
    /// A user's, the latest first.
    func list(of user: UUID, tenant: TenantID) async throws -> [Session] {
        let rows = try await database.query(
            tenant,
            """
            select id, created_at, refreshed_at, expires_at from \(schema: tenant).sessions
            where user_id = \(user) and expires_at > now() order by refreshed_at desc, id limit 500
            """)
        return try rows.map {
            Session(id: try $0.get(0), createdAt: try $0.get(1), refreshedAt: try $0.get(2), expiresAt: try $0.get(3))
        }
    }

    /// Sets a user's password who knows the present one; all sessions end, and a new one begins.
    /// - Throws: 401 for a wrong password, 429 after too many.
    func changePassword(
        of user: UUID, from present: String, to password: String, resets: PasswordResets, tenant: TenantID,
        network: String
    ) async throws -> TokenPair {
        let rows = try await database.query(
            tenant,
            """
            select u.login, c.password_hash from \(schema: tenant).users u
            join \(schema: tenant).credentials c on c.user_id = u.id where u.id = \(user)
            """)
        guard let row = rows.first else { throw Self.refused }
        let attempt = LoginThrottle.Attempt(tenant: tenant, slug: "", login: try row.get(0), network: network)
        try await throttle.begin(attempt)
        let stored: String = try row.get(1)
        guard try await passwords.check(present, against: stored) else { throw Self.refused }
        let hash = try await passwords.hash(password)
        try await resets.set(hash, of: user, tenant: tenant) { schema in
            "update \(schema).credentials set changed_at = now() where user_id = \(user) and password_hash = \(stored)"
        }
        return try await open(user: user, proven: hash, forgetting: [throttle.forget(attempt)], tenant)
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
