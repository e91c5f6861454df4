/// Who gets which connection: the pool's decisions, without I/O.
///
/// Each event answers what to do. A request prefers an idle connection of its login whose last role was the same
/// (its statements are prepared there); then one not bound to a role; then the one longest unused; then a new one, if
/// need be in the place of an idle connection of another login. Otherwise it waits, first come first served.
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
    }

    private struct Waiter {
        let id: WaiterID
        let request: Request
    }

    private let limit: Int
    private let waiterLimit: Int
    /// The longest unused first.
    private var idle: [Idle] = []
    private var waiters: [Waiter] = []
    /// Connections being opened, by login.
    private var opening: [String: Int] = [:]
    private var leased = 0
    private var nextWaiter = 0

    init(limit: Int, waiterLimit: Int) {
        self.limit = max(1, limit)
        self.waiterLimit = max(0, waiterLimit)
    }

    var leasedCount: Int { leased }
    var idleCount: Int { idle.count }
    var waitingCount: Int { waiters.count }
    private var total: Int { leased + idle.count + opening.values.reduce(0, +) }

    mutating func request(_ request: Request) -> Decision {
        if let index = bestIdle(for: request) {
            leased += 1
            return .lease(idle.remove(at: index).id)
        }
        guard waiters.count < waiterLimit else { return .refuse }
        nextWaiter += 1
        waiters.append(Waiter(id: nextWaiter, request: request))
        let (open, close) = room(for: request.login)
        return .wait(nextWaiter, open: open, close: close)
    }

    private func bestIdle(for request: Request) -> Int? {
        var best: (index: Int, rank: Int)?
        for (index, connection) in idle.enumerated() where connection.login == request.login {
            let rank = connection.role == request.role ? 2 : connection.role == nil ? 1 : 0
            // Of those with the right role the last used is the warmest; of the others the longest unused goes.
            if let best, rank < best.rank || (rank == best.rank && rank < 2) { continue }
            best = (index, rank)
        }
        return best?.index
    }

    /// Whether a connection of this login can be opened now, and which idle one makes room for it.
    private mutating func room(for login: String) -> (open: String?, close: ConnectionID?) {
        let waiting = waiters.count { $0.request.login == login }
        guard waiting > opening[login, default: 0] else { return (nil, nil) }
        var victim: ConnectionID?
        if total >= limit {
            guard let index = idle.firstIndex(where: { $0.login != login }) else { return (nil, nil) }
            victim = idle.remove(at: index).id
        }
        opening[login, default: 0] += 1
        return (login, victim)
    }

    /// A new connection is there; as if a lease of it had ended.
    mutating func opened(_ id: ConnectionID, login: String) -> Actions {
        endOpening(login)
        leased += 1
        return passOn(id, login: login, role: nil)
    }

    /// The waiters of that login cannot be served and are told so.
    mutating func openingFailed(login: String) -> (refused: [WaiterID], actions: Actions) {
        endOpening(login)
        let refused = waiters.filter { $0.request.login == login }.map(\.id)
        waiters.removeAll { $0.request.login == login }
        return (refused, refill())
    }

    private mutating func endOpening(_ login: String) {
        let left = opening[login, default: 1] - 1
        opening[login] = left > 0 ? left : nil
    }

    /// A lease ended and its connection can be lent again.
    mutating func released(_ id: ConnectionID, login: String, role: String?) -> Actions {
        if let first = waiters.first?.request.login, first != login, opening[first] == nil {
            // The first in the queue needs another login: this connection makes room for its own.
            leased -= 1
            opening[first] = 1
            return Actions(close: [id], open: [first])
        }
        return passOn(id, login: login, role: role)
    }

    private mutating func passOn(_ id: ConnectionID, login: String, role: String?) -> Actions {
        if let index = waiters.firstIndex(where: { $0.request.login == login }) {
            // The lease passes on.
            return Actions(grants: [.init(waiter: waiters.remove(at: index).id, connection: id)])
        }
        leased -= 1
        idle.append(Idle(id: id, login: login, role: role))
        return refill()
    }

    /// A lease ended and its connection is gone.
    mutating func releasedClosed() -> Actions {
        leased -= 1
        return refill()
    }

    /// An idle connection was closed by the server or for its age. Answers false if it was not idle.
    mutating func removeIdle(_ id: ConnectionID) -> Bool {
        guard let index = idle.firstIndex(where: { $0.id == id }) else { return false }
        idle.remove(at: index)
        return true
    }

    /// A waiter gave up. Answers false if it has been served.
    mutating func removeWaiter(_ id: WaiterID) -> Bool {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return false }
        waiters.remove(at: index)
        return true
    }

    /// Opens connections for those who wait, as far as there is room.
    private mutating func refill() -> Actions {
        var actions = Actions()
        var tried: Set<String> = []
        for waiter in waiters where tried.insert(waiter.request.login).inserted {
            let (open, close) = room(for: waiter.request.login)
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
        }
        return (idle.map(\.id), waiters.map(\.id))
    }
}
