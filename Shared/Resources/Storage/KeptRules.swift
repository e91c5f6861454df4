import Synchronization
import Tenancy
import Values

/// What a process keeps of its tenants' rules, as long as these have not changed.
public final class KeptRules<Value: Sendable>: Sendable {
    private struct Key: Hashable {
        let tenant: TenantID
        let name: String
    }

    private struct Entry {
        let value: Value
        let stamp: RuleVersions.Stamp
        let loaded: ContinuousClock.Instant
    }

    private let versions: RuleVersions
    private let limit: Int
    private let entries = Mutex<[Key: Entry]>([:])

    /// So long rules are kept while nobody can say whether they have changed.
    static var patience: Duration { .seconds(1) }

    /// - Parameter limit: at most so many are kept; the next one takes the place of all.
    public init(_ versions: RuleVersions, limit: Int = 4096) {
        (self.versions, self.limit) = (versions, limit)
    }

    /// - Parameter name: of the rules among the tenant's, where it has several of the kind.
    public func value(
        of tenant: TenantID, _ name: String = "", now: ContinuousClock.Instant = .now, load: () async throws -> Value
    ) async throws -> Value {
        let key = Key(tenant: tenant, name: name)
        // Before the rules are read: a change that comes between makes them old.
        let (stamp, isFresh) = versions.stamp(of: tenant, now: now)
        if let entry = entries.withLock({ $0[key] }), entry.stamp == stamp,
            isFresh || entry.loaded + Self.patience > now
        {
            return entry.value
        }
        let value = try await load()
        entries.withLock { entries in
            if entries.count >= limit, entries[key] == nil { entries.removeAll() }
            entries[key] = Entry(value: value, stamp: stamp, loaded: now)
        }
        return value
    }
}
