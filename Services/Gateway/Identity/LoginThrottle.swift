import HTTP
import Postgres
import Runtime
import Tenancy
import Values

/// Makes guessing passwords slow. After five failures in a row from one network a login rests there for half a minute,
/// and twice as long after each further one, up to a quarter of an hour; after fifty from anywhere it rests everywhere.
/// So nobody keeps a colleague out from his own place alone. Counted by what was typed, also for tenants that are not
/// there, so that it tells nobody who exists.
struct LoginThrottle: Sendable {
    static let free = 5
    static let freeEverywhere = 50
    private static let longest = Duration.seconds(900)

    /// What somebody tries to log in as, and from where.
    struct Attempt: Sendable {
        /// Nil when no tenant has the slug.
        let tenant: TenantID?
        let slug: String
        let login: String
        /// See ``HTTPRequest/remoteNetwork``.
        let network: String

        /// Bounded, since what is typed may be anything. No login has a blank.
        fileprivate var everywhere: String {
            let name = String(login.lowercased().prefix(100))
            return tenant == nil ? "\(slug.prefix(100)) \(name)" : name
        }
        fileprivate var here: String { "\(everywhere) \(network)" }
        fileprivate var table: SQL { tenant.map { "\(schema: $0).login_attempts" } ?? "shared.login_attempts" }
    }

    let database: TenantDatabase

    /// Counts an attempt as failed until it is forgotten, see ``forget(_:)``: who tries many passwords at once is stopped
    /// as soon as who tries one after the other.
    /// - Throws: 429 while the login rests.
    func begin(_ attempt: Attempt, now: Timestamp = .now()) async throws {
        let statements = Self.count(attempt, now)
        let results: [Rows]
        if let tenant = attempt.tenant {
            results = try await database.flight(tenant, statements)
        } else {
            results = try await database.shared { try await $0.commit(after: statements) }
        }
        if let row = results[1].first, try row.get(0) { return }
        let until = try results[2].first?.get(0, as: Timestamp?.self) ?? now
        throw Problem(
            .rateLimited,
            .init(en: "Too many failed attempts: wait before trying again.", zh: "失败次数过多，请稍后再试。"),
            retryAfter: max(until - now, .seconds(1)))
    }

    /// An attempt that was one too many here is none elsewhere.
    private static func count(_ attempt: Attempt, _ now: Timestamp) -> [SQL] {
        let here = count(attempt, attempt.here, free: free, if: "true", now)
        let everywhere = count(
            attempt, attempt.everywhere, free: freeEverywhere, if: "exists (select from here)", now)
        return [
            "delete from \(attempt.table) where last_at < \(now) - interval '1 day'",
            """
            with here as (\(here)), everywhere as (\(everywhere)) select exists (select from everywhere)
            """,
            "select max(locked_until) from \(attempt.table) where login in (\(attempt.here), \(attempt.everywhere))",
        ]
    }

    private static func count(_ attempt: Attempt, _ key: String, free: Int, if condition: SQL, _ now: Timestamp) -> SQL
    {
        """
        insert into \(attempt.table) as a (login, failures, last_at) select \(key), 1, \(now) where \(condition)
        on conflict (login) do update set
            failures = case when a.last_at < excluded.last_at - interval '1 hour' then 1 else a.failures + 1 end,
            last_at = excluded.last_at,
            locked_until = case when a.failures + 1 >= \(free) and a.last_at >= excluded.last_at - interval '1 hour'
                then excluded.last_at + make_interval(secs =>
                    least(\(longest.inSeconds), 30 * power(2, least(a.failures + 1 - \(free), 10)))) end
        where a.locked_until is null or a.locked_until <= excluded.last_at
        returning 1
        """
    }

    /// What forgets the failures of somebody who has proven who he is.
    func forget(_ attempt: Attempt) -> SQL {
        "delete from \(attempt.table) where login in (\(attempt.here), \(attempt.everywhere))"
    }
}
