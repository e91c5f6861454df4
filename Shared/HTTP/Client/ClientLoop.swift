import CCurl
import Glibc
import Runtime

/// libcurl's multi handle on one loop: its sockets are watched, its time-outs timed, its finished transfers settled.
final class ClientLoop: @unchecked Sendable {
    // @unchecked: everything but the constants is touched on the loop's thread only, which each entry checks. libcurl
    // calls back only from within its own functions, so on that thread too.

    let loop: EventLoop
    let options: HTTPClient.Options
    private let multi: UnsafeMutableRawPointer
    /// Handles that are set up but for what differs from request to request.
    private var idle: [UnsafeMutableRawPointer] = []
    private var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
    private let names: NameLookup
    /// Transfers whose host is being looked up, and for how long.
    private var lookingUp: [ObjectIdentifier: (transfer: Transfer, until: ContinuousClock.Instant)] = [:]
    let sockets: ClientSockets
    private let timer: ClientTimer
    /// Transfers whose head came in the present turn: told after it, so that a short body comes with the head.
    private var heads: [Transfer] = []
    /// libcurl's own time-out does not end a transfer that waits for a connection.
    private let limits: Sweep
    private var isClosed = false

    private static let idleLimit = 64

    init(loop: EventLoop, options: HTTPClient.Options) {
        self.loop = loop
        self.options = options
        guard let multi = curl_multi_init() else { preconditionFailure("libcurl has no memory") }
        self.multi = multi
        names = NameLookup(loop: loop, function: options.lookUp)
        sockets = ClientSockets(loop: loop)
        timer = ClientTimer(loop: loop)
        limits = Sweep(loop: loop)
        limits.action = { [weak self] in self?.endOverdue() }
        timer.onDue = { [weak self] in self?.act(CURL_SOCKET_TIMEOUT, 0) }
        sockets.onReady = { [weak self] in self?.act($0, $1) }
        sockets.onGivenUp = { [weak self] in self?.lookAgain() }
        ccurl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, options.connections)
        ccurl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, options.connectionsPerHost)
        ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, options.connections)
        ccurl_multi_set_callbacks(
            multi,
            { _, socket, what, context, _ in
                ClientLoop.from(context).sockets.watch(socket, what)
                return 0
            },
            { _, milliseconds, context in
                ClientLoop.from(context).timer.set(milliseconds)
                return 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    static func from(_ context: UnsafeMutableRawPointer?) -> ClientLoop {
        guard let context else { preconditionFailure("libcurl lost its context") }
        return Unmanaged<ClientLoop>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: - Transfers

    func start(_ transfer: Transfer, _ head: CheckedContinuation<Transfer.Head, any Error>) {
        loop.preconditionOnLoop()
        guard !isClosed else { return head.resume(throwing: Self.wasClosed) }
        guard !transfer.isOver else { return head.resume(throwing: CancellationError()) }
        transfer.waitForHead(head)
        if let host = names.host(of: transfer.request.url) { lookUp(host, for: transfer) } else { begin(transfer) }
    }

    private func lookUp(_ host: HostName, for transfer: Transfer) {
        let until = min(transfer.deadline.instant, .now + options.connectTimeout)
        lookingUp[ObjectIdentifier(transfer)] = (transfer, until)
        limits.note(until)
        names.lookUp(host.name) { [weak self] result in
            guard let self, lookingUp.removeValue(forKey: ObjectIdentifier(transfer)) != nil else { return }
            switch result {
            case .success(let addresses):
                transfer.addresses = host.line(addresses)
                begin(transfer)
            case .failure(let failure):
                cancel(transfer, HTTPClientError(.unreachable, "\(host.name): \(failure.description)"))
            }
        }
    }

    private func begin(_ transfer: Transfer) {
        guard let easy = idle.popLast() ?? makeHandle() else {
            return cancel(transfer, HTTPClientError(.unreachable, "libcurl has no memory"))
        }
        do throws(HTTPClientError) {
            try transfer.prepare(easy)
        } catch {
            curl_easy_cleanup(easy)
            return cancel(transfer, error)
        }
        transfers[easy] = transfer
        limits.note(transfer.deadline.instant)
        curl_multi_add_handle(multi, easy)
    }

    /// Ends a transfer whose task was cancelled, whose time is up, whose reader is gone or whose upload failed.
    func cancel(_ transfer: Transfer, _ error: any Error = CancellationError()) {
        loop.preconditionOnLoop()
        lookingUp[ObjectIdentifier(transfer)] = nil
        if let easy = transfer.easy { remove(easy, mayBeUsedAgain: false) }
        transfer.finish(.failure(error))
    }

    func headArrived(_ transfer: Transfer) { heads.append(transfer) }

    private static let wasClosed = HTTPClientError(.closed, "the client was shut down")

    /// - Parameter mayBeUsedAgain: false unless the transfer ended well. After a connection that broke and could not be
    ///   made anew the handle still knows of a body to send again, and fails its next one (curl/curl#18206).
    private func remove(_ easy: UnsafeMutableRawPointer, mayBeUsedAgain: Bool) {
        guard let transfer = transfers.removeValue(forKey: easy) else { return }
        curl_multi_remove_handle(multi, easy)
        transfer.detach()
        if mayBeUsedAgain, idle.count < Self.idleLimit, !isClosed { idle.append(easy) } else { curl_easy_cleanup(easy) }
    }

    /// Lets libcurl act on a socket or its time-outs, then tells of what came of it.
    private func act(_ socket: curl_socket_t, _ events: Int32) {
        guard !isClosed else { return }
        var running: Int32 = 0
        curl_multi_socket_action(multi, socket, events, &running)
        settle()
    }

    private func settle() {
        var result = CURLE_OK
        while let easy = ccurl_multi_next_finished(multi, &result) {
            guard let transfer = transfers[easy] else { continue }
            let outcome = transfer.outcome(of: result)
            remove(easy, mayBeUsedAgain: result == CURLE_OK)
            transfer.finish(outcome)
        }
        let ready = heads
        heads = []
        for transfer in ready { transfer.tellHead() }
    }

    /// Goes on with a transfer that waited for its reader or for more to send.
    func unpause(_ easy: UnsafeMutableRawPointer) {
        curl_easy_pause(easy, CURLPAUSE_CONT)
        settle()
    }

    /// Lets libcurl look at all it has, once it has returned.
    private func lookAgain() {
        loop.execute { [weak self] in
            guard let self, !isClosed else { return }
            var running: Int32 = 0
            ccurl_multi_socket_all(multi, &running)
            settle()
        }
    }

    func close() {
        loop.preconditionOnLoop()
        guard !isClosed else { return }
        for transfer in Array(transfers.values) + lookingUp.values.map(\.transfer) { cancel(transfer, Self.wasClosed) }
        isClosed = true
        for easy in idle { curl_easy_cleanup(easy) }
        idle = []
        curl_multi_cleanup(multi)
        sockets.closeAll()
        timer.cancel()
        limits.cancel()
    }

    var watchedDescriptors: Int { sockets.count }

    // MARK: - Deadlines

    /// - Returns: when the next is due.
    private func endOverdue() -> ContinuousClock.Instant? {
        for (transfer, until) in lookingUp.values where until <= .now {
            cancel(transfer, transfer.deadline.isPassed ? DeadlineExceeded() : Self.lookupTimeOut(transfer))
        }
        for transfer in transfers.values where transfer.deadline.isPassed { cancel(transfer, DeadlineExceeded()) }
        let left = lookingUp.values.map(\.until) + transfers.values.map(\.deadline.instant)
        return left.min()
    }

    private static func lookupTimeOut(_ transfer: Transfer) -> HTTPClientError {
        let origin = HTTPClientError.origin(of: transfer.request.url)
        return HTTPClientError(.unreachable, "no answer from the name server (\(origin))")
    }
}
