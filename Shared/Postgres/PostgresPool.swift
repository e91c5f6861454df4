import Runtime

/// The connections of one loop to one database, lent for a scope.
///
/// A lease ends only when its connection is clean again: no statement, no cancel request and no transaction under way.
/// What cannot be made clean is closed.
final class PostgresPool: @unchecked Sendable {
    // @unchecked: everything mutable is touched on `loop`'s thread only; each entry checks that.

    let loop: EventLoop
    private let configuration: PostgresConfiguration
    private var machine: PoolStateMachine
    private var connections: [Int: PostgresConnection] = [:]
    private var waiters: [Int: CheckedContinuation<PostgresConnection, any Error>] = [:]
    private var nextID = 0
    private var isClosed = false
    private var closing: [CheckedContinuation<Void, Never>] = []
    private(set) lazy var lookups = Lookups(pool: self)

    init(loop: EventLoop, configuration: PostgresConfiguration) {
        self.loop = loop
        self.configuration = configuration
        machine = PoolStateMachine(
            limit: configuration.connectionsPerLoop, waiterLimit: configuration.waitersPerLoop)
    }

    /// Lends a connection to `body`.
    func withConnection<Value: Sendable>(
        _ role: DatabaseRole?, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        loop.preconditionOnLoop()
        let request = PoolStateMachine.Request(login: role?.login ?? configuration.login, role: role?.name)
        let connection = try await acquire(request)
        do {
            let value = try await body(connection)
            await release(connection, role: role?.name)
            return value
        } catch {
            await release(connection, role: role?.name)
            throw error
        }
    }

    // MARK: Acquiring

    private func acquire(_ request: PoolStateMachine.Request) async throws -> PostgresConnection {
        guard !isClosed else { throw PostgresError(.closed, "the program is stopping") }
        try Task.checkCancellation()
        while true {
            switch machine.request(request) {
            case .refuse:
                throw PostgresError(
                    .poolExhausted, "\(configuration.waitersPerLoop) tasks wait already; try again in a moment.")
            case .wait(let waiter, let open, let close):
                return try await wait(waiter, open: open, close: close)
            case .lease(let id):
                guard let connection = connections[id] else { continue }
                connection.receive()
                if connection.isOpen, !isTooOld(connection) { return connection }
                forget(connection)
                perform(machine.releasedClosed(connection.id, login: connection.login))
            }
        }
    }

    private func wait(_ waiter: Int, open: String?, close: Int?) async throws -> PostgresConnection {
        let timer = loop.schedule(after: configuration.acquireTimeout) { [self] in
            give(up: waiter, PostgresError(.poolExhausted, "none came free within \(configuration.acquireTimeout)"))
        }
        let second = loop.schedule(after: PoolStateMachine.rest) { [self] in perform(machine.reconsider()) }
        defer {
            timer.cancel()
            second.cancel()
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiters[waiter] = continuation
                if let close, let connection = connections[close] { forget(connection) }
                if let open { self.open(open) }
                if Task.isCancelled { give(up: waiter, CancellationError()) }
            }
        } onCancel: {
            loop.execute { self.give(up: waiter, CancellationError()) }
        }
    }

    private func give(up waiter: Int, _ error: any Error) {
        guard let continuation = waiters.removeValue(forKey: waiter) else { return }
        _ = machine.removeWaiter(waiter)
        continuation.resume(throwing: error)
    }

    private func isTooOld(_ connection: PostgresConnection) -> Bool {
        connection.opened + configuration.maximumAge < .now
    }

    // MARK: Opening and closing

    private func open(_ login: String) {
        Task(executorPreference: loop) { await self.connect(login) }
    }

    private func connect(_ login: String) async {
        do {
            adopt(try await PostgresConnection.connect(configuration, login: login))
        } catch {
            let (refused, actions) = machine.openingFailed(login: login)
            for waiter in refused { waiters.removeValue(forKey: waiter)?.resume(throwing: error) }
            perform(actions)
        }
    }

    private func adopt(_ connection: PostgresConnection) {
        guard !isClosed else { return connection.close() }
        nextID += 1
        let id = nextID
        connection.id = id
        connections[id] = connection
        connection.onClose = { [unowned self] connection in
            // One that is lent is dealt with when its lease ends.
            if machine.removeIdle(connection.id) { connections[connection.id] = nil }
        }
        perform(machine.opened(id, login: connection.login))
    }

    private func perform(_ actions: PoolStateMachine.Actions) {
        for grant in actions.grants {
            guard let connection = connections[grant.connection] else { continue }
            waiters.removeValue(forKey: grant.waiter)?.resume(returning: connection)
        }
        for id in actions.close { connections[id].map(forget) }
        for login in actions.open { open(login) }
    }

    private func forget(_ connection: PostgresConnection) {
        connections[connection.id] = nil
        connection.onClose = nil
        connection.close()
    }

    // MARK: Releasing

    private func release(_ connection: PostgresConnection, role: String?) async {
        if connection.isOpen, !connection.isClean { await connection.clean() }
        guard connection.isClean, !isClosed, !isTooOld(connection) else {
            return endLease(of: connection)
        }
        perform(machine.released(connection.id, login: connection.login, role: role))
    }

    /// Refuses who waits, closes what is idle, and waits for what is lent.
    func shut() async {
        loop.preconditionOnLoop()
        isClosed = true
        let (idle, waiting) = machine.close()
        for id in idle { connections[id].map(forget) }
        for waiter in waiting {
            waiters.removeValue(forKey: waiter)?.resume(throwing: PostgresError(.closed, "the program is stopping"))
        }
        guard machine.leasedCount > 0 else { return }
        await withCheckedContinuation { closing.append($0) }
    }

    private func endLease(of connection: PostgresConnection) {
        forget(connection)
        perform(machine.releasedClosed(connection.id, login: connection.login))
        guard isClosed, machine.leasedCount == 0 else { return }
        let done = closing
        closing = []
        for continuation in done { continuation.resume() }
    }
}

extension PostgresConnection {
    /// Rolls back what a lease left open. Not cancellable: the next lease depends on it.
    fileprivate func clean() async {
        await untilNotCancelling()
        guard isOpen, copy == nil else { return close() }
        let end = closeAfterPatience("the server did not end a transaction")
        defer { end.cancel() }
        // The answer does not matter; whether the connection is clean afterwards does.
        _ = try? await run(Load(body: [SQL(raw: "rollback").unprepared()]), isCancellable: false)
    }
}
