/// Who gets which connection: the pool's decisions, without I/O.
///
/// Each event answers what to do. A request prefers an idle connection of its login whose last role was the same, or
/// which has had it lately (its statements are prepared there); then the one that its role comes back to; then a new one,
/// if need be in the place of an idle connection of the login that has most. Otherwise it waits, first come first served,
/// but for a moment in which those whose role the connection has had lately go first.
///
/// A connection that meets a tenant reads its catalogue and plans its statements: tens of times what a write takes, and
/// megabytes that stay. Among many tenants each therefore keeps to few of the connections, the idle one with the highest
/// score for its role (rendezvous hashing).
///
/// A login that has a connection gets another in the place of one that has been idle for a while only, or when it has
/// waited so long: where several logins share a busy pool, each would else close what the next one needs. The only
/// connection of a login makes room for another's third much later: it knows tenants that come seldom, and would soon have to
/// come back.
struct PoolStateMachine {
    typealias ConnectionID = Int
    typealias WaiterID = Int

    struct Request: Hashable {
        let login: String
        let role: String?
    }

    enum Decision: Equatable {
        case lease(ConnectionID)
        /// Wait; and open a connection of this login when one is named, closing another first when one is.
        case wait(WaiterID, open: String?, close: ConnectionID?)
        case refuse
    }

    /// What to do after something changed.
    struct Actions: Equatable {
        var grants: [Grant] = []
        var close: [ConnectionID] = []
        var open: [String] = []

        struct Grant: Equatable {
            let waiter: WaiterID
            let connection: ConnectionID
        }
    }

    private struct Idle {
        let id: ConnectionID
        let login: String
        let role: String?
        let since: ContinuousClock.Instant
    }

    private struct Waiter {
        let id: WaiterID
        let request: Request
        let since: ContinuousClock.Instant
    }

    private let limit: Int
    private let waiterLimit: Int
    /// The longest unused first.
    private var idle: [Idle] = []
    private var waiters: [Waiter] = []
    /// Connections being opened, by login.
    private var opening: [String: Int] = [:]
    /// The last roles of each connection.
    private var familiar: [ConnectionID: RecentRoles] = [:]
    /// Until when no further connection is tried for a login that has some.
    private var pauses: [String: ContinuousClock.Instant] = [:]
    /// Connections that are lent, by login.
    private var lent: [String: Int] = [:]
    private var nextWaiter = 0
    /// So long a connection stays idle, or a waiter waits, before a login that has a connection gets another in the
    /// place of one of another login.
    static let rest = Duration.seconds(1)
    /// The same for the only connection of a login, before one that has two gets a third.
    static let restOfLast = Duration.seconds(60)
    /// So long the first who waits lets others go first.
    static let courtesy = Duration.milliseconds(10)

    init(limit: Int, waiterLimit: Int) {
        self.limit = max(1, limit)
        self.waiterLimit = max(0, waiterLimit)
    }

    var leasedCount: Int { lent.values.reduce(0, +) }
    var idleCount: Int { idle.count }
    private var total: Int { leasedCount + idle.count + opening.values.reduce(0, +) }

    private func hasAny(_ login: String) -> Bool {
        lent[login] != nil || opening[login] != nil || idle.contains { $0.login == login }
    }

    /// Whether who waits for a login need not wait for one of its connections.
    private func isUrgent(_ login: String, _ now: ContinuousClock.Instant) -> Bool {
        guard hasAny(login) else { return true }
        return waiters.first { $0.request.login == login }.map { $0.since + Self.rest <= now } ?? false
    }

    private mutating func endLease(_ login: String) {
        let left = lent[login, default: 1] - 1
        lent[login] = left > 0 ? left : nil
    }

    mutating func request(_ request: Request, now: ContinuousClock.Instant = .now) -> Decision {
        if let index = bestIdle(for: request) {
            lent[request.login, default: 0] += 1
            return .lease(idle.remove(at: index).id)
        }
        guard waiters.count < waiterLimit else { return .refuse }
        nextWaiter += 1
        waiters.append(Waiter(id: nextWaiter, request: request, since: now))
        let (open, close) = room(for: request.login, now)
        return .wait(nextWaiter, open: open, close: close)
    }

    private func bestIdle(for request: Request) -> Int? {
        var best: (index: Int, rank: Int)?
        for (index, connection) in idle.enumerated() where connection.login == request.login {
            let rank = rank(connection, request.role)
            // Of those that know the role the last used is the warmest.
            if let best, rank < best.rank { continue }
            best = (index, rank)
        }
        guard let role = request.role, let best, best.rank == 0 else { return best?.index }
        return idle.indices.filter { idle[$0].login == request.login }.max { score($0, role) < score($1, role) }
    }

    private func rank(_ connection: Idle, _ role: String?) -> Int {
        if connection.role == role { return 2 }
        return knows(connection.id, role) ? 1 : 0
    }

    private func knows(_ connection: ConnectionID, _ role: String?) -> Bool {
        role.map { familiar[connection]?.contains($0) ?? false } ?? false
    }

    /// How much a role keeps to an idle connection.
    private func score(_ index: Int, _ role: String) -> Int {
        var hasher = Hasher()
        hasher.combine(idle[index].id)
        hasher.combine(role)
        return hasher.finalize()
    }

    /// The idle connection that makes room for another login.
    private func victim(for login: String, _ now: ContinuousClock.Instant) -> Int? {
        let isUrgent = isUrgent(login, now)
        var counts = lent
        for connection in idle { counts[connection.login, default: 0] += 1 }
        var best: (index: Int, count: Int)?
        for (index, connection) in idle.enumerated() where connection.login != login {
            let count = counts[connection.login, default: 0]
            // Where there are as many logins as places a busy one still gets a second.
            let rest = count > 1 || counts[login, default: 0] < 2 ? Self.rest : Self.restOfLast
            guard isUrgent || connection.since + rest <= now else { continue }
            if let best, count <= best.count { continue }
            best = (index, count)
        }
        return best?.index
    }

    private mutating func removeIdle(at index: Int) -> ConnectionID {
        let id = idle.remove(at: index).id
        familiar[id] = nil
        return id
    }

    /// Whether a connection of this login can be opened now, and which idle one makes room for it.
    private mutating func room(
        for login: String, _ now: ContinuousClock.Instant
    ) -> (open: String?, close: ConnectionID?) {
        let waiting = waiters.count { $0.request.login == login }
        guard waiting > opening[login, default: 0] else { return (nil, nil) }
        if let pause = pauses[login] {
            guard pause <= now || lent[login] == nil else { return (nil, nil) }
            pauses[login] = nil
        }
        var victim: ConnectionID?
        if total >= limit {
            guard let index = self.victim(for: login, now) else { return (nil, nil) }
            victim = removeIdle(at: index)
        }
        opening[login, default: 0] += 1
        return (login, victim)
    }

    /// A new connection is there; as if a lease of it had ended.
    mutating func opened(_ id: ConnectionID, login: String, now: ContinuousClock.Instant = .now) -> Actions {
        endOpening(login)
        lent[login, default: 0] += 1
        return passOn(id, login: login, role: nil, now)
    }

    /// The waiters of that login cannot be served and are told so; where it has other connections that are lent, they wait
    /// for those, and another is tried after a while.
    mutating func openingFailed(
        login: String, now: ContinuousClock.Instant = .now
    ) -> (refused: [WaiterID], actions: Actions) {
        endOpening(login)
        guard lent[login] == nil else {
            pauses[login] = now + Self.rest
            return ([], refill(now))
        }
        let refused = waiters.filter { $0.request.login == login }.map(\.id)
        waiters.removeAll { $0.request.login == login }
        return (refused, refill(now))
    }

    private mutating func endOpening(_ login: String) {
        let left = opening[login, default: 1] - 1
        opening[login] = left > 0 ? left : nil
    }

    /// A lease ended and its connection can be lent again.
    mutating func released(
        _ id: ConnectionID, login: String, role: String?, now: ContinuousClock.Instant = .now
    ) -> Actions {
        if let role { familiar[id, default: RecentRoles()].use(role) }
        if let first = waiters.first?.request.login, first != login, opening[first] == nil, isUrgent(first, now) {
            // The first in the queue needs another login: this connection makes room for its own.
            endLease(login)
            familiar[id] = nil
            opening[first] = 1
            return Actions(close: [id], open: [first])
        }
        return passOn(id, login: login, role: role, now)
    }

    private mutating func passOn(
        _ id: ConnectionID, login: String, role: String?, _ now: ContinuousClock.Instant
    ) -> Actions {
        if let index = nextWaiter(for: id, login: login, now) {
            // The lease passes on.
            return Actions(grants: [.init(waiter: waiters.remove(at: index).id, connection: id)])
        }
        endLease(login)
        idle.append(Idle(id: id, login: login, role: role, since: now))
        return refill(now)
    }

    /// Who gets a connection that came free: the first, unless one behind it is known there.
    private func nextWaiter(for id: ConnectionID, login: String, _ now: ContinuousClock.Instant) -> Int? {
        guard let first = waiters.firstIndex(where: { $0.request.login == login }),
            waiters[first].since + Self.courtesy > now
        else { return waiters.firstIndex { $0.request.login == login } }
        return waiters.firstIndex { $0.request.login == login && knows(id, $0.request.role) } ?? first
    }

    /// A lease ended and its connection is gone.
    mutating func releasedClosed(
        _ id: ConnectionID, login: String, now: ContinuousClock.Instant = .now
    ) -> Actions {
        endLease(login)
        familiar[id] = nil
        return refill(now)
    }

    /// An idle connection was closed by the server or for its age. Answers false if it was not idle.
    mutating func removeIdle(_ id: ConnectionID) -> Bool {
        guard let index = idle.firstIndex(where: { $0.id == id }) else { return false }
        _ = removeIdle(at: index)
        return true
    }

    /// A waiter gave up. Answers false if it has been served.
    mutating func removeWaiter(_ id: WaiterID) -> Bool {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return false }
        waiters.remove(at: index)
        return true
    }

    /// Some time has passed, in which nothing may have happened.
    mutating func reconsider(now: ContinuousClock.Instant = .now) -> Actions { refill(now) }

    /// Opens connections for those who wait, as far as there is room.
    private mutating func refill(_ now: ContinuousClock.Instant) -> Actions {
        var actions = Actions()
        var tried: Set<String> = []
        for waiter in waiters where tried.insert(waiter.request.login).inserted {
            let (open, close) = room(for: waiter.request.login, now)
            if let open { actions.open.append(open) }
            if let close { actions.close.append(close) }
        }
        return actions
    }

    /// Everything idle and everyone waiting, to be closed and refused.
    mutating func close() -> (idle: [ConnectionID], waiters: [WaiterID]) {
        defer {
            idle = []
            waiters = []
            familiar = [:]
        }
        return (idle.map(\.id), waiters.map(\.id))
    }
}

/// The roles that a connection has had last, at most as many as have their statements prepared there.
struct RecentRoles {
    static let limit = 48

    private var uses: [String: Int] = [:]
    private var count = 0

    func contains(_ role: String) -> Bool { uses[role] != nil }

    mutating func use(_ role: String) {
        count += 1
        if uses.updateValue(count, forKey: role) == nil, uses.count > Self.limit,
            let oldest = uses.min(by: { $0.value < $1.value })
        {
            uses[oldest.key] = nil
        }
    }
}
