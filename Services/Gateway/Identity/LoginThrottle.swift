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

    /// Counts an attempt as failed until it is ``forget(_:)``: who tries many passwords at once is stopped as soon as who
    /// tries one after the other.
    /// - Throws: 429 while the login rests.
    func begin(_ login: String, tenant: TenantID, now: Timestamp = .now()) async throws {
        let longest = longest.inSeconds
        let results = try await database.flight(
            tenant,
            [
                "delete from \(schema: tenant).login_attempts where last_at < \(now) - interval '1 day'",
                """
                insert into \(schema: tenant).login_attempts as a (login, failures, last_at)
                values (\(Self.key(login)), 1, \(now))
                on conflict (login) do update set
                    failures = case when a.last_at < excluded.last_at - interval '1 hour' then 1 else a.failures + 1 end,
                    last_at = excluded.last_at,
                    locked_until = case when a.failures + 1 >= \(Self.free) and a.last_at >= excluded.last_at - interval '1 hour'
                        then excluded.last_at + make_interval(secs =>
                            least(\(longest), 30 * power(2, least(a.failures + 1 - \(Self.free), 10)))) end
                where a.locked_until is null or a.locked_until <= excluded.last_at
                """,
                "select locked_until from \(schema: tenant).login_attempts where login = \(Self.key(login))",
            ])
        guard results[1].affected == 0 else { return }
        let until = try results[2].first?.get(0, as: Timestamp?.self) ?? now
        throw Problem(
            .rateLimited,
            .init(en: "Too many failed attempts: wait before trying again.", zh: "失败次数过多，请稍后再试。"),
            retryAfter: max(until - now, .seconds(1)))
    }

    private var longest: Duration { Self.longest }

    func forget(_ login: String) -> (SchemaName) -> SQL {
        { schema in "delete from \(schema).login_attempts where login = \(Self.key(login))" }
    }

    /// Bounded: what is typed may be anything.
    private static func key(_ login: String) -> String { String(login.lowercased().prefix(100)) }
}
