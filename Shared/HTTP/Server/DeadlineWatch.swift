import Runtime

/// The times of one connection, looked at with every tick of its loop. Milliseconds of the loop's clock.
struct DeadlineWatch {
    private let head: UInt64
    private let nextRequest: UInt64
    private let window: UInt64
    private let bytesPerWindow: Int
    private let stall: UInt64
    private let linger: UInt64

    private var waitsFor = ConnectionMachine.Wait.handler
    private var request = -1
    private var since: UInt64 = 0
    /// Time spent waiting for the body in the present window, and the bytes at its start.
    private var waited: UInt64 = 0
    private var windowBytes = 0
    private var queued = 0
    private var stalledSince: UInt64 = 0
    private var lingeringSince: UInt64 = 0

    init(options: HTTPServerOptions) {
        head = options.headTimeout.watchMilliseconds
        nextRequest = options.keepAliveTimeout.watchMilliseconds
        window = options.rateWindow.watchMilliseconds
        bytesPerWindow = Int(Double(options.minimumBodyRate) * Double(window) / 1000)
        stall = options.writeStallTimeout.watchMilliseconds
        linger = options.lingerTimeout.watchMilliseconds
    }

    mutating func update(waitsFor wait: ConnectionMachine.Wait, request number: Int, now: UInt64) {
        if number != request {
            waited = 0
            windowBytes = 0
        } else if wait == waitsFor {
            return
        } else if waitsFor == .body {
            // Only the time in which the client is waited for counts, not the handler's own.
            waited += now - since
        }
        waitsFor = wait
        request = number
        since = now
    }

    /// Time in which the loop stood still counts against nobody: what came meanwhile has not been read yet.
    mutating func pardon(_ lost: UInt64, now: UInt64) {
        since = min(since + lost, now)
        stalledSince = min(stalledSince + lost, now)
        lingeringSince = min(lingeringSince + lost, now)
    }

    /// Since when a request, or the rest of its head, is waited for.
    var idleSince: UInt64? { waitsFor == .nextRequest || waitsFor == .head ? since : nil }

    /// Whether the client took too long with what is waited for.
    mutating func isOverdue(bodyBytes: Int, now: UInt64) -> Bool {
        switch waitsFor {
        case .handler: return false
        case .head: return now - since > head
        case .nextRequest: return now - since > nextRequest
        case .body:
            guard waited + (now - since) > window else { return false }
            if bodyBytes - windowBytes < bytesPerWindow { return true }
            waited = 0
            since = now
            windowBytes = bodyBytes
            return false
        }
    }

    /// Whether an answer that waits to be sent makes no progress.
    mutating func isStalled(queued bytes: Int, now: UInt64) -> Bool {
        if bytes == 0 || bytes != queued {
            queued = bytes
            stalledSince = now
            return false
        }
        return now - stalledSince > stall
    }

    mutating func lingers(now: UInt64) { lingeringSince = now }

    func lingeredEnough(now: UInt64) -> Bool { now - lingeringSince > linger }
}

extension Duration {
    var watchMilliseconds: UInt64 {
        UInt64(max(0, components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000))
    }
}
