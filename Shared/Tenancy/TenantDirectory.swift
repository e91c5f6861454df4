import JSON
import Postgres
import Runtime
import Synchronization
import Values

/// The tenants of a service's database, in memory.
///
/// ``run()`` looks for changes every 250 ms, so that a tenant suspended through another process is refused here within
/// a second.
public final class TenantDirectory: Sendable {
    private struct State {
        var tenants: [TenantID: Tenant] = [:]
        var slugs: [String: TenantID] = [:]
        var departed: Set<TenantID> = []
        var epoch: Int64 = -1
        /// When `epoch` was last seen to be the database's.
        var seen: ContinuousClock.Instant?

        /// Takes over what changed; a slug may have passed from one tenant to another.
        mutating func take(_ changed: [Tenant], departed: [TenantID]) {
            for id in departed + changed.map(\.id) {
                guard let old = tenants.removeValue(forKey: id) else { continue }
                if slugs[old.slug] == id { slugs[old.slug] = nil }
            }
            self.departed.formUnion(departed)
            for tenant in changed {
                self.departed.remove(tenant.id)
                tenants[tenant.id] = tenant
                slugs[tenant.slug] = tenant.id
            }
        }
    }

    private let database: PostgresDatabase
    private let role: DatabaseRole
    private let state = Mutex(State())
    /// By the epoch from which it looks.
    private let looks = JoinedWork<Int64, Void>()

    static let interval = Duration.milliseconds(250)
    /// What was seen longer ago than this is asked for again before it is believed.
    static let freshness = Duration.milliseconds(900)

    init(database: PostgresDatabase) {
        self.database = database
        let roles = RoleNames(database: database.configuration.database)
        role = DatabaseRole(roles.service, login: roles.appLogin(1))
    }

    /// Looks for changes until cancelled. Without it every lookup older than a second asks the database.
    public func run() async throws {
        while !Task.isCancelled {
            // A database that is down is noticed by whoever needs it; here the next round tries again.
            try? await refresh()
            try await Task.sleep(for: Self.interval)
        }
    }

    /// A tenant that may be served.
    ///
    /// - Throws: ``TenancyError`` when there is none or it is suspended.
    public func active(_ id: TenantID) async throws -> Tenant {
        let tenant = try await find(id)
        guard tenant.status == .active else { throw TenancyError.suspended(id) }
        return tenant
    }

    /// A tenant, suspended or not.
    public func find(_ id: TenantID, now: ContinuousClock.Instant = .now) async throws -> Tenant {
        let (known, isFresh, epoch) = state.withLock { state in
            (state.tenants[id], state.seen.map { $0.duration(to: now) < Self.freshness } ?? false, state.epoch)
        }
        if let known, isFresh { return known }
        if known != nil {
            // Whoever asks while it is looked for changes needs no look of his own: under load there are hundreds.
            try await looks.value(for: epoch, on: database.group.here) { [self] in try await refresh() }
            if let tenant = state.withLock({ $0.tenants[id] }) { return tenant }
        }
        // One that is unknown may have been made by another process a moment ago.
        try await refresh()
        guard let tenant = state.withLock({ $0.tenants[id] }) else { throw TenancyError.unknown(id) }
        return tenant
    }

    /// Whether a tenant was here once and is no more, as last seen.
    public func hasDeparted(_ id: TenantID) -> Bool { state.withLock { $0.departed.contains(id) } }

    /// The tenant that has a slug now, suspended or not.
    public func named(_ slug: String) async throws -> Tenant? {
        try await refresh()
        return state.withLock { state in state.slugs[slug].flatMap { state.tenants[$0] } }
    }

    /// Every tenant, as last seen, by slug.
    public var all: [Tenant] {
        state.withLock { $0.tenants.values.sorted { $0.slug < $1.slug } }
    }

    /// Reads what changed in the database's directory since it was last read.
    public func refresh() async throws {
        let asked = ContinuousClock.now
        let known = state.withLock { $0.epoch }
        let epoch: Int64 = try await database.flight(
            role: role, ["select epoch from shared.directory_epoch"], options: .read)[0].single().get("epoch")
        guard epoch != known else {
            state.withLock { $0.seen = max($0.seen ?? asked, asked) }
            return
        }
        let results = try await database.flight(
            role: role,
            [
                "select epoch from shared.directory_epoch", "\(Tenant.select) where epoch > \(known)",
                "select id from shared.departed_tenants where epoch > \(known)",
            ], options: .snapshot)
        let newEpoch: Int64 = try results[0].single().get("epoch")
        let changed = try results[1].map(Tenant.init)
        let departed = try results[2].compactMap { TenantID(try $0.get("id", as: String.self)) }
        state.withLock { state in
            // Another task may have read a later directory meanwhile.
            guard newEpoch >= state.epoch else { return }
            state.epoch = newEpoch
            state.seen = max(state.seen ?? asked, asked)
            state.take(changed, departed: departed)
        }
    }
}

extension Tenant {
    static let select: SQL = """
        select id, slug, name, status, time_zone, currency, industry, created_at, settings, login,
            server
        from shared.tenants
        """

    init(_ row: Row) throws {
        guard let id = TenantID(try row.get("id", as: String.self)),
            let status = Status(rawValue: try row.get("status"))
        else { throw PostgresError.unexpected("shared.tenants holds a tenant of a later version of this program") }
        self.init(
            id: id, slug: try row.get("slug"), name: try row.get("name"), status: status,
            timeZone: try row.get("time_zone"), currency: try row.get("currency"),
            industry: try row.get("industry"), createdAt: try row.get("created_at"),
            settings: try row.get("settings"), loginNumber: try row.get("login"), server: try row.get("server"))
    }

    /// The numbers in `shared.tenants.schema_version`.
    public static func versions(_ json: JSON) -> [String: Int] {
        guard case .object(let object) = json else { return [:] }
        var versions: [String: Int] = [:]
        for (name, value) in object {
            if case .int(let number) = value { versions[name] = Int(number) }
        }
        return versions
    }
}
