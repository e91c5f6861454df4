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
    private var watchers: [curl_socket_t: DescriptorWatcher] = [:]
    /// Connections that were made: their end comes through ``closeSocket(_:)``.
    private var established: Set<curl_socket_t> = []
    /// Those that libcurl does not wait for at present.
    private var resting: Set<curl_socket_t> = []
    private var timer: (timer: ScheduledTimer, at: ContinuousClock.Instant)?
    /// When libcurl next wants to be called; the timer may be set earlier, and then is set again.
    private var wakeUp: ContinuousClock.Instant?
    /// Transfers whose head came in the present turn: told after it, so that a short body comes with the head.
    private var heads: [Transfer] = []
    private var isClosed = false

    private static let idleLimit = 64

    init(loop: EventLoop, options: HTTPClient.Options) {
        self.loop = loop
        self.options = options
        guard let multi = curl_multi_init() else { preconditionFailure("libcurl has no memory") }
        self.multi = multi
        ccurl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, options.connections)
        ccurl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, options.connectionsPerHost)
        ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, options.connections)
        ccurl_multi_set_callbacks(
            multi,
            { _, socket, what, context, _ in
                ClientLoop.from(context).watch(socket, what)
                return 0
            },
            { _, milliseconds, context in
                ClientLoop.from(context).setTimer(milliseconds)
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
        guard !isClosed else { return head.resume(throwing: HTTPClientError(.closed, "the client was shut down")) }
        guard !transfer.isOver else { return head.resume(throwing: CancellationError()) }
        guard let easy = idle.popLast() ?? makeHandle() else {
            return head.resume(throwing: HTTPClientError(.unreachable, "libcurl has no memory"))
        }
        do throws(HTTPClientError) {
            try transfer.prepare(easy)
        } catch {
            curl_easy_cleanup(easy)
            return head.resume(throwing: error)
        }
        transfers[easy] = transfer
        transfer.waitForHead(head)
        curl_multi_add_handle(multi, easy)
    }

    /// Ends a transfer whose task was cancelled, whose reader is gone or whose upload failed.
    func cancel(_ transfer: Transfer, _ error: any Error = CancellationError()) {
        loop.preconditionOnLoop()
        guard let easy = transfer.easy else { return transfer.finish(.failure(error)) }
        remove(easy, mayBeUsedAgain: false)
        transfer.finish(.failure(error))
        transfer.tellHead()
    }

    func headArrived(_ transfer: Transfer) { heads.append(transfer) }

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

    func close() {
        loop.preconditionOnLoop()
        guard !isClosed else { return }
        for transfer in Array(transfers.values) {
            cancel(transfer, HTTPClientError(.closed, "the client was shut down"))
        }
        isClosed = true
        for easy in idle { curl_easy_cleanup(easy) }
        idle = []
        curl_multi_cleanup(multi)
        for watcher in watchers.values { watcher.close() }
        watchers = [:]
        timer?.timer.cancel()
        timer = nil
    }

    // MARK: - Sockets

    var watchedDescriptors: Int { watchers.count }

    private func watch(_ socket: curl_socket_t, _ what: Int32) {
        let events: DescriptorWatcher.Events =
            switch what {
            case CURL_POLL_IN: .readable
            case CURL_POLL_OUT: .writable
            case CURL_POLL_INOUT: [.readable, .writable]
            default: []
            }
        if events.contains(.readable), !established.contains(socket), Self.isConnected(socket) {
            established.insert(socket)
        }
        if let watcher = watchers[socket] {
            guard !events.isEmpty else { return rest(socket) }
            resting.remove(socket)
            watcher.change(to: events)
        } else if !events.isEmpty, let watcher = try? DescriptorWatcher(loop: loop, descriptor: socket) {
            // A socket that cannot be watched is left to the transfer's time-out.
            watchers[socket] = watcher
            watcher.start(events) { [unowned self] events in ready(socket, events) }
        }
    }

    private func rest(_ socket: curl_socket_t) {
        // An idle connection goes on being watched, since the next request will ask for the same: that spares the kernel
        // two calls a request. Should something come meanwhile, watching ends (see `ready`). All else libcurl closes
        // without a word (sockets that did not connect, its own for lookups of names), and libuv stops the program when
        // it is to watch what is closed.
        if established.contains(socket) {
            resting.insert(socket)
        } else {
            watchers.removeValue(forKey: socket)?.close()
        }
    }

    private static func isConnected(_ socket: curl_socket_t) -> Bool {
        var peer = sockaddr()
        var length = socklen_t(MemoryLayout<sockaddr>.size)
        let families = [sa_family_t(AF_INET), sa_family_t(AF_INET6)]
        return getpeername(socket, &peer, &length) == 0 && families.contains(peer.sa_family)
    }

    private func ready(_ socket: curl_socket_t, _ events: DescriptorWatcher.Events) {
        guard !resting.contains(socket) else {
            // Closed by the server, most likely; libcurl looks before it uses the connection again.
            watchers[socket]?.stop()
            return
        }
        var mask: Int32 = 0
        if events.contains(.readable) { mask |= CURL_CSELECT_IN }
        if events.contains(.writable) { mask |= CURL_CSELECT_OUT }
        if events.contains(.failed) { mask |= CURL_CSELECT_ERR }
        act(socket, mask)
    }

    /// `CURLOPT_CLOSESOCKETFUNCTION`: a watcher lives as long as its descriptor, also while the connection is idle.
    func closeSocket(_ socket: curl_socket_t) -> Int32 {
        watchers.removeValue(forKey: socket)?.close()
        resting.remove(socket)
        established.remove(socket)
        return Glibc.close(socket)
    }

    // MARK: - Time-outs

    private func setTimer(_ milliseconds: Int) {
        guard milliseconds >= 0 else {
            wakeUp = nil
            return
        }
        let due = ContinuousClock.now + .milliseconds(milliseconds)
        wakeUp = due
        if milliseconds == 0 {
            // Never from within libcurl's callback.
            loop.execute { [weak self] in self?.timeOut() }
        } else if timer.map({ $0.at > due }) ?? true {
            arm(due)
        }
    }

    private func arm(_ due: ContinuousClock.Instant) {
        timer?.timer.cancel()
        let delay = ContinuousClock.now.duration(to: due)
        timer = (
            loop.schedule(after: delay) { [weak self] in
                self?.timer = nil
                self?.timeOut()
            }, due
        )
    }

    private func timeOut() {
        guard let due = wakeUp, !isClosed else { return }
        if due > .now {
            if timer == nil { arm(due) }
            return
        }
        wakeUp = nil
        act(CURL_SOCKET_TIMEOUT, 0)
    }
}
