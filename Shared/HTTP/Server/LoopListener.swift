import CLibUV
import Glibc
import Runtime

/// One loop's share of a server: its listening socket and its connections.
final class LoopListener: @unchecked Sendable {
    // @unchecked: all but `port`, which is written once before the server hands the listener out, is touched on the
    // loop's thread only.
    let loop: EventLoop
    let shared: ServerShared
    private(set) var port = 0
    /// Where libuv reads into; every read is consumed within its callback, so one buffer serves all connections.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    /// Where heads are written, kept to save allocations.
    var scratch: [UInt8] = []
    private(set) var clock = HTTPClock()
    private let handle = UVHandle<uv_tcp_t>()
    private var isListening = false
    private var isDraining = false
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var ticker: ScheduledTimer?
    private var lastTick: UInt64 = 0
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []

    init(loop: EventLoop, shared: ServerShared) {
        self.loop = loop
        self.shared = shared
    }

    deinit { readBuffer.deallocate() }

    /// Binds and listens; answers the port.
    func listen(on address: ListenAddress) throws(HTTPServerError) -> Int {
        loop.preconditionOnLoop()
        let storage = try ListeningSocket.resolve(address)
        let made = uv_tcp_init_ex(loop.raw, handle.pointer, UInt32(storage.ss_family))
        guard made == 0 else {
            handle.discard()
            throw ListeningSocket.failure(address, -made)
        }
        handle.own(self)
        isListening = true
        do throws(HTTPServerError) {
            var descriptor: Int32 = -1
            uv_fileno(handle.base, &descriptor)
            ListeningSocket.setOption(descriptor, SO_REUSEPORT)
            let bound = withUnsafeBytes(of: storage) { bytes -> Int32 in
                guard let base = bytes.baseAddress else { return -1 }
                return uv_tcp_bind(handle.pointer, base.assumingMemoryBound(to: sockaddr.self), 0)
            }
            guard bound == 0 else { throw ListeningSocket.failure(address, -bound) }
            let listening = uv_listen(stream, shared.options.backlog) { stream, status in
                guard status == 0, let stream else { return }
                let tcp = UnsafeMutableRawPointer(stream).assumingMemoryBound(to: uv_tcp_t.self)
                UVHandle<uv_tcp_t>.owner(tcp, as: LoopListener.self)?.accept()
            }
            guard listening == 0 else { throw ListeningSocket.failure(address, -listening) }
        } catch {
            closeSocket()
            throw error
        }
        port = address.port == 0 ? localPort() : address.port
        return port
    }

    private var stream: UnsafeMutablePointer<uv_stream_t> {
        UnsafeMutableRawPointer(handle.pointer).assumingMemoryBound(to: uv_stream_t.self)
    }

    private func localPort() -> Int {
        var storage = sockaddr_storage()
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutableBytes(of: &storage) { bytes in
            guard let base = bytes.baseAddress else { return }
            uv_tcp_getsockname(handle.pointer, base.assumingMemoryBound(to: sockaddr.self), &length)
        }
        return ListeningSocket.describe(storage).port
    }

    private func accept() {
        let connection = Connection(listener: self)
        guard connection.accept(from: stream) else { return }
        connections[ObjectIdentifier(connection)] = connection
        if ticker == nil {
            clock.update()
            lastTick = uv_now(loop.raw)
            ticker = loop.schedule(after: Self.tick, repeating: Self.tick) { [weak self] in self?.ticked() }
        }
        connection.begin()
    }

    /// Counts a new connection in. When there are too many, those make room that have been idle longest: a client that
    /// has something to say goes before those that keep a connection and say nothing.
    func admit(_ address: String) -> Bool {
        switch shared.census.admit(address) {
        case .admitted: return true
        case .tooMany: makeRoom { _ in true }
        case .tooManyOfAddress: makeRoom { $0.remoteAddress == address }
        }
        return shared.census.admit(address) == .admitted
    }

    /// Ends a few idle connections at once, as looking for them costs something.
    private func makeRoom(among isMeant: (Connection) -> Bool) {
        let idle = connections.values.compactMap { connection in
            isMeant(connection) ? connection.idleSince.map { (since: $0, connection: connection) } : nil
        }
        for (_, connection) in idle.sorted(by: { $0.since < $1.since }).prefix(max(1, idle.count / 50)) {
            connection.giveWay()
        }
    }

    /// How often deadlines are looked at: one timer for all connections costs requests nothing.
    private static let tick = Duration.milliseconds(100)

    private func ticked() {
        clock.update()
        let now = uv_now(loop.raw)
        // Without the tick itself: deadlines of a loop that is always late come later, and do come.
        let (passed, tick) = (now - lastTick, Self.tick.watchMilliseconds)
        let lost = passed > 2 * tick ? passed - tick : 0
        lastTick = now
        for connection in connections.values { connection.tick(now: now, lost: lost) }
    }

    func remove(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        guard connections.isEmpty else { return }
        ticker?.cancel()
        ticker = nil
        for waiter in drainWaiters { waiter.resume() }
        drainWaiters = []
    }

    private func closeSocket() {
        guard isListening else { return }
        isListening = false
        handle.close()
    }

    func drain(deadline: Deadline) async {
        loop.preconditionOnLoop()
        closeSocket()
        isDraining = true
        for connection in connections.values { connection.drain() }
        let timer = loop.schedule(after: deadline.remaining) { [weak self] in self?.abortAll() }
        await withCheckedContinuation { continuation in
            if connections.isEmpty {
                continuation.resume()
            } else {
                drainWaiters.append(continuation)
            }
        }
        timer.cancel()
    }

    private func abortAll() {
        for connection in connections.values { connection.abort() }
    }
}

/// The value of `Date`, made anew once a second.
struct HTTPClock {
    private(set) var date: [UInt8] = []
    private var second: time_t = -1

    mutating func update() {
        var now = time(nil)
        guard now != second else { return }
        second = now
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = Self.days[Int(parts.tm_wday)]
        let month = Self.months[Int(parts.tm_mon)]
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        date = Array("\(day), \(two(parts.tm_mday)) \(month) \(parts.tm_year + 1900) \(clock) GMT".utf8)
    }

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
