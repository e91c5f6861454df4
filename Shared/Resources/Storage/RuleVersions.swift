import Postgres
import Runtime
import Synchronization
import Tenancy
import Values

/// When each tenant's rules were last changed, as the database notes it (`shared.rule_versions`).
///
/// ``run()`` looks for changes every 250 ms, so that one made through another process is seen here within a second.
public final class RuleVersions: Sendable {
    /// What was known of a tenant's rules at a moment.
    struct Stamp: Equatable {
        let version: Int64
        /// Changes made by this process, of any tenant: they are seen at once.
        let changesHere: Int
    }

    private struct State {
        var versions: [TenantID: Int64] = [:]
        var sums: [String] = []
        var changesHere = 0
        /// When `versions` were last seen to be the database's.
        var seen: ContinuousClock.Instant?
    }

    private let database: TenantDatabase
    private let state = Mutex(State())

    static let interval = Duration.milliseconds(250)
    /// What was seen longer ago than this says nothing.
    static let freshness = Duration.milliseconds(900)

    public init(database: TenantDatabase) { self.database = database }

    /// Looks for changes until cancelled. Without it rules are kept for a second.
    public func run() async throws {
        while !Task.isCancelled {
            // A database that is down is noticed by whoever needs it; here the next round tries again.
            try? await refresh()
            try await Task.sleep(for: Self.interval)
        }
    }

    /// A change was made by this process.
    public func noteChange() {
        state.withLock { $0.changesHere += 1 }
    }

    /// Fresh if a change would have been seen; also the triggers of a tenant without a version may not be there yet.
    func stamp(of tenant: TenantID, now: ContinuousClock.Instant) -> (stamp: Stamp, isFresh: Bool) {
        state.withLock { state in
            let version = state.versions[tenant]
            let isFresh = version != nil && state.seen.map { $0.duration(to: now) < Self.freshness } ?? false
            return (Stamp(version: version ?? 0, changesHere: state.changesHere), isFresh)
        }
    }

    /// Reads the versions if any has changed since they were last read.
    func refresh() async throws {
        let asked = ContinuousClock.now
        let sums = try await everywhere(Self.sum).map { try $0.single().get(0, as: String.self) }
        guard sums != state.withLock({ $0.sums }) else {
            return state.withLock { $0.seen = asked }
        }
        var versions: [TenantID: Int64] = [:]
        for rows in try await everywhere("select tenant, version from shared.rule_versions") {
            for row in rows {
                guard let tenant = TenantID(try row.get(0, as: String.self)) else { continue }
                // A tenant that moves is counted on both sides.
                versions[tenant, default: 0] += try row.get(1, as: Int64.self)
            }
        }
        state.withLock { state in
            (state.versions, state.sums, state.seen) = (versions, sums, asked)
        }
    }

    /// Differs after any change; those of the rows together, so that no row need be sent.
    private static let sum: SQL = """
        select count(*) || ' ' || coalesce(sum(hashtextextended(tenant, version)), 0) from shared.rule_versions
        """

    private func everywhere(_ statement: SQL) async throws -> [Rows] {
        var results: [Rows] = []
        for place in database.everywhere {
            results.append(
                try await place.database.flight(role: place.serviceRole, [statement], options: .read)[0])
        }
        return results
    }
}
