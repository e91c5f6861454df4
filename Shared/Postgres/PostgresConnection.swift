import CPostgres
import Runtime

/// One connection to a server: libpq, non-blocking, in pipeline mode, on one loop.
///
/// Statements are sent in flights: any number of them, one Sync, one round trip. Lives in a pool, which gives it to one
/// lease at a time.
final class PostgresConnection: @unchecked Sendable {
    // @unchecked: everything mutable is touched on `loop`'s thread only; each entry checks that. Only `PGcancel`
    // objects, which libpq allows on any thread, leave it (`Cancellation.swift`).

    let loop: EventLoop
    let login: String
    /// Its number in the pool.
    var id = 0
    let opened = ContinuousClock.now
    private(set) var handle: OpaquePointer?
    private var watcher: DescriptorWatcher?
    private var flights: [Flight] = []
    private var statements: StatementCache
    /// A cancel request is on its way to the server; on an open connection no flight ends before it.
    var isCancelling = false
    private var afterCancellation: [() -> Void] = []
    var copy: CopyState?
    /// Called once, when the connection is closed by either side.
    var onClose: ((PostgresConnection) -> Void)?
    var onNotification: ((PostgresNotification) -> Void)?

    /// Takes a connected handle.
    init(handle: OpaquePointer, login: String, loop: EventLoop, preparedStatements: Int) throws(PostgresError) {
        loop.preconditionOnLoop()
        self.loop = loop
        self.login = login
        self.handle = handle
        statements = StatementCache(limit: preparedStatements)
        // By default libpq prints notices on stderr.
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
            throw PostgresError(.unavailable, PostgresConnection.message(handle))
        }
        do {
            let watcher = try DescriptorWatcher(loop: loop, descriptor: PQsocket(handle))
            watcher.start(.readable) { [weak self] events in self?.ready(events) }
            self.watcher = watcher
        } catch {
            throw PostgresError(.unavailable, error.description)
        }
    }

    deinit {
        guard let handle else { return }
        // A connection that nobody closed. The watcher must go first, and on its loop.
        let remains = Remains(handle: handle, watcher: watcher)
        loop.execute { remains.close() }
    }

    private struct Remains: @unchecked Sendable {
        // @unchecked: nobody else has them any more.
        let handle: OpaquePointer
        let watcher: DescriptorWatcher?

        func close() {
            watcher?.close()
            PQfinish(handle)
        }
    }

    var isOpen: Bool { handle != nil }

    /// Nothing is under way and no transaction is open: another lease may have it.
    var isClean: Bool {
        handle != nil && flights.isEmpty && !isCancelling && copy == nil
            && PQtransactionStatus(handle) == PQTRANS_IDLE
    }

    var hasFailedTransaction: Bool { PQtransactionStatus(handle) == PQTRANS_INERROR }

    static func message(_ handle: OpaquePointer?) -> String {
        let text = String(cString: PQerrorMessage(handle))
        return text.split(separator: "\n").joined(separator: "; ")
    }

    // MARK: Sending

    /// Statements for one round trip; `role` is whose prepared statements the body's are.
    struct Load {
        var opening: [SQL] = []
        var body: [SQL]
        var closing: [SQL] = []
        var role: String?
    }

    /// Sends the statements and answers the results of the body.
    ///
    /// - Parameter isCancellable: whether the task's cancellation cancels the statements on the server.
    func run(_ load: Load, isCancellable: Bool = true) async throws -> [Rows] {
        loop.preconditionOnLoop()
        let flight = Flight()
        guard isCancellable else {
            return try await withCheckedThrowingContinuation { send(load, as: flight, $0) }
        }
        try Task.checkCancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { send(load, as: flight, $0) }
        } onCancel: {
            cancelFromAnywhere(flight)
        }
    }

    private func send(_ load: Load, as flight: Flight, _ continuation: CheckedContinuation<[Rows], any Error>) {
        loop.preconditionOnLoop()
        guard let handle, copy == nil else {
            let reason = copy == nil ? "it is closed" : "a COPY is running on it"
            continuation.resume(throwing: PostgresError(copy == nil ? .connectionLost : .usage, reason))
            return
        }
        guard !flight.isCancelled else {
            continuation.resume(throwing: CancellationError())
            return
        }
        if let wide = load.body.first(where: { $0.binds.count > 65535 }) {
            let reason = "A statement has at most 65535 parameters, not \(wide.binds.count): use arrays and unnest."
            continuation.resume(throwing: PostgresError(.usage, reason))
            return
        }
        flight.start(continuation)
        flight.rows.reserveCapacity(load.body.count)
        if flights.isEmpty, PQtransactionStatus(handle) == PQTRANS_IDLE { sendDeallocations(handle) }
        flights.append(flight)
        var isSent = true
        for sql in load.opening where isSent { isSent = send(sql, nil, flight, visible: nil) }
        for (index, sql) in load.body.enumerated() where isSent {
            isSent = send(sql, load.role, flight, visible: index)
        }
        for sql in load.closing where isSent { isSent = send(sql, nil, flight, visible: nil) }
        guard isSent, PQpipelineSync(handle) == 1 else {
            close(PostgresError(.connectionLost, Self.message(handle)))
            return
        }
        flush()
    }

    private func send(_ sql: SQL, _ role: String?, _ flight: Flight, visible index: Int?) -> Bool {
        guard let handle else { return false }
        let binds = sql.binds
        guard sql.isPrepared else {
            flight.append(.execute(nil, isVisible: index != nil, statement: index ?? -1))
            return binds.withPointers { values, lengths, formats in
                PQsendQueryParams(handle, sql.text, Int32(binds.count), binds.types, values, lengths, formats, 1) == 1
            }
        }
        let (entry, isNew) = statements.use(StatementCache.Key(role: role, text: sql.text))
        if isNew {
            flight.append(.prepare(entry))
            guard PQsendPrepare(handle, entry.name, sql.text, Int32(binds.count), binds.types) == 1 else {
                return false
            }
        }
        flight.append(.execute(entry, isVisible: index != nil, statement: index ?? -1))
        return binds.withPointers { values, lengths, formats in
            PQsendQueryPrepared(handle, entry.name, Int32(binds.count), values, lengths, formats, 1) == 1
        }
    }

    /// In a flight of their own: no failure of a transaction can skip them, and they begin none, in which a later `begin`
    /// could not choose its isolation any more.
    private func sendDeallocations(_ handle: OpaquePointer) {
        let names = statements.takeDiscarded()
        guard !names.isEmpty else { return }
        let flight = Flight()
        flights.append(flight)
        for name in names {
            flight.append(.execute(nil, isVisible: false, statement: -1))
            _ = PQsendQueryParams(handle, "deallocate \(name)", 0, nil, nil, nil, nil, 1)
        }
        _ = PQpipelineSync(handle)
    }

    /// Writes what libpq holds; while the socket is full, watches for room. Answers whether all has been written.
    @discardableResult
    func flush() -> Bool {
        guard let handle else { return false }
        switch PQflush(handle) {
        case 0:
            watcher?.change(to: .readable)
            return true
        case 1: watcher?.change(to: [.readable, .writable])
        default: close(PostgresError(.connectionLost, Self.message(handle)))
        }
        return false
    }

    // MARK: Receiving

    /// Takes in what has arrived, asked or not: a connection that the server has ended closes here and not under the
    /// statements of its next lease.
    func receive() {
        guard let handle else { return }
        guard PQconsumeInput(handle) == 1 else {
            close(PostgresError(.connectionLost, Self.message(handle)))
            return
        }
        receiveNotifications()
        receiveResults()
    }

    private func ready(_ events: DescriptorWatcher.Events) {
        if events.contains(.readable) { receive() }
        if events.contains(.writable), self.handle != nil {
            flush()
            copy?.resumeWriter()
        }
    }

    private func receiveNotifications() {
        while let handle, let raw = PQnotifies(handle) {
            defer { PQfreemem(raw) }
            onNotification?(
                PostgresNotification(
                    channel: String(cString: raw.pointee.relname), payload: String(cString: raw.pointee.extra)))
        }
    }

    private func receiveResults() {
        if let copy {
            copy.receive(from: self)
            return
        }
        while let flight = flights.first, let handle, PQisBusy(handle) == 0 {
            guard let raw = PQgetResult(handle) else {
                guard flight.current != nil else {
                    close(PostgresError(.usage, "PostgreSQL answered out of order."))
                    return
                }
                flight.advance()
                continue
            }
            take(PostgresResult(raw), for: flight)
        }
        // Between statements the server only speaks to say goodbye.
        if let handle, flights.isEmpty, PQstatus(handle) == CONNECTION_BAD {
            close(PostgresError(.connectionLost, Self.message(handle)))
        }
    }

    private func take(_ result: PostgresResult, for flight: Flight) {
        switch PQresultStatus(result.pointer) {
        case PGRES_PIPELINE_SYNC:
            flights.removeFirst()
            finish(flight)
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            guard case .execute(let entry, isVisible: true, _) = flight.current else { return }
            let columns = entry?.columns ?? ColumnMap(result)
            entry?.columns = columns
            flight.rows.append(Rows(result: result, columns: columns))
        case PGRES_PIPELINE_ABORTED:
            if case .prepare(let entry) = flight.current { statements.forget(entry) }
        case PGRES_FATAL_ERROR:
            fail(flight, PostgresError(result: result.pointer))
        default:
            close(PostgresError(.usage, "COPY runs through copyIn and copyOut, not as a statement."))
        }
    }

    private func fail(_ flight: Flight, _ error: PostgresError) {
        var error = error
        switch flight.current {
        case .prepare(let entry):
            error.statement = entry.key.text
            statements.forget(entry)
        case .execute(let entry, _, _):
            error.statement = entry?.key.text
            if let entry, error.isStalePlan { statements.discard(entry) }
        case nil: break
        }
        if flight.failure == nil { flight.failure = error }
    }

    private func finish(_ flight: Flight) {
        flight.isFinished = true
        // A cancel request that is under way must not hit what comes next.
        whenNotCancelling { flight.resume() }
    }

    private func whenNotCancelling(_ body: @escaping () -> Void) {
        if isCancelling, isOpen { afterCancellation.append(body) } else { body() }
    }

    func cancellationEnded() {
        isCancelling = false
        let waiting = afterCancellation
        afterCancellation = []
        for body in waiting { body() }
    }

    /// Waits until no cancel request can hit what comes next: it has arrived, or the connection is closed.
    func untilNotCancelling() async {
        await withCheckedContinuation { continuation in whenNotCancelling { continuation.resume() } }
    }

    // MARK: Closing

    func close(_ reason: PostgresError = PostgresError(.closed, "the connection was closed")) {
        loop.preconditionOnLoop()
        guard let handle else { return }
        self.handle = nil
        watcher?.close()
        watcher = nil
        PQfinish(handle)
        let (lost, waiting) = (flights, afterCancellation)
        (flights, afterCancellation) = ([], [])
        for body in waiting { body() }
        for flight in lost {
            if flight.failure == nil { flight.failure = reason }
            finish(flight)
        }
        copy?.fail(reason)
        copy = nil
        let onClose = onClose
        self.onClose = nil
        onClose?(self)
    }
}
