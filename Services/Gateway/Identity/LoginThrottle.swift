import HTTP
import Postgres
import Tenancy
import Values

/// Makes guessing passwords slow: after five failures in a row a login rests for half a minute, and twice as long after
/// each further one, up to a quarter of an hour. Counted by what was typed, so that it tells nobody who exists.
struct LoginThrottle: Sendable {
    static let free = 5
    static let longest = Duration.seconds(900)

    let database: TenantDatabase

    /// - Throws: 429 while the login rests.
    func admit(_ login: String, tenant: TenantID, now: Timestamp = .now()) async throws {
        let rows = try await database.query(
            tenant, "select locked_until from \(schema: tenant).login_attempts where login = \(Self.key(login))")
        guard let until = try rows.first?.get(0, as: Timestamp?.self), until > now else { return }
        throw Problem(
            .rateLimited,
            .init(en: "Too many failed attempts: wait before trying again.", zh: "失败次数过多，请稍后再试。"),
            retryAfter: until - now)
    }

    func failed(_ login: String, tenant: TenantID, now: Timestamp = .now()) async throws {
        let longest = longest.inSeconds
        _ = try await database.flight(
            tenant,
            [
                """
                insert into \(schema: tenant).login_attempts as a (login, failures, last_at)
                values (\(Self.key(login)), 1, \(now))
                on conflict (login) do update set
                    failures = case when a.last_at < excluded.last_at - interval '1 hour' then 1 else a.failures + 1 end,
                    last_at = excluded.last_at,
                    locked_until = case when a.failures + 1 >= \(Self.free) and a.last_at >= excluded.last_at - interval '1 hour'
                        then excluded.last_at + make_interval(secs =>
                            least(\(longest), 30 * power(2, least(a.failures + 1 - \(Self.free), 10)))) end
                """,
                "delete from \(schema: tenant).login_attempts where last_at < \(now) - interval '1 day'",
            ])
    }

    private var longest: Duration { Self.longest }

    func forget(_ login: String) -> (SchemaName) -> SQL {
        { schema in "delete from \(schema).login_attempts where login = \(Self.key(login))" }
    }

    /// Bounded: what is typed may be anything.
    private static func key(_ login: String) -> String { String(login.lowercased().prefix(100)) }
}
