import Runtime
import Synchronization

/// A strict HTTP/1.1 server: one listening socket (`SO_REUSEPORT`) and its own connections on each loop of the group.
///
/// A request stays on its connection's loop from accept to answer. The handler's task is cancelled when the client
/// resets the connection; after a mere half-close (FIN) the answer is still sent.
public final class HTTPServer: Sendable {
    public let group: EventLoopGroup
    public let address: ListenAddress
    private let shared: ServerShared
    private let listeners = Mutex<[LoopListener]>([])

    public init(
        group: EventLoopGroup, address: ListenAddress, options: HTTPServerOptions = HTTPServerOptions(),
        handler: @escaping HTTPHandler
    ) {
        self.group = group
        self.address = address
        shared = ServerShared(options: options, handler: handler)
    }

    /// Begins to listen on every loop.
    ///
    /// - Throws: ``HTTPServerError`` with a sentence that says what to change (port taken, no permission, …).
    public func start() async throws {
        precondition(listeners.withLock { $0.isEmpty }, "the server was started before")
        try ListeningSocket.probe(address)
        var port = address.port
        for loop in group.loops {
            let listener = LoopListener(loop: loop, shared: shared)
            let target = ListenAddress(host: address.host, port: port)
            port = try await Task(executorPreference: loop) { try listener.listen(on: target) }.value
            listeners.withLock { $0.append(listener) }
        }
    }

    /// The port listened on; 0 before ``start()``.
    public var boundPort: Int { listeners.withLock { $0.first?.port ?? 0 } }

    /// Connections open now.
    public var connectionCount: Int { shared.census.count }

    /// Stops accepting, closes idle connections, lets requests end with `Connection: close`, and cuts off what is left
    /// at the deadline.
    public func drain(deadline: Deadline) async {
        let listeners = listeners.withLock { $0 }
        await withTaskGroup(of: Void.self) { group in
            for listener in listeners {
                group.addTask(executorPreference: listener.loop) { await listener.drain(deadline: deadline) }
            }
        }
    }
}

/// What the loops of one server have in common.
final class ServerShared: Sendable {
    let options: HTTPServerOptions
    let handler: HTTPHandler
    let census: ConnectionCensus

    init(options: HTTPServerOptions, handler: @escaping HTTPHandler) {
        self.options = options
        self.handler = handler
        census = ConnectionCensus(
            maximum: options.maximumConnections, maximumPerAddress: options.maximumConnectionsPerAddress)
    }
}

/// Counts connections in all and by address.
final class ConnectionCensus: Sendable {
    private struct State {
        var total = 0
        var byAddress: [String: Int] = [:]
    }

    private let maximum: Int
    private let maximumPerAddress: Int
    private let state = Mutex(State())

    init(maximum: Int, maximumPerAddress: Int) {
        self.maximum = maximum
        self.maximumPerAddress = maximumPerAddress
    }

    var count: Int { state.withLock { $0.total } }

    enum Admission { case admitted, tooMany, tooManyOfAddress }

    /// Counts a connection in, unless there are too many.
    func admit(_ address: String) -> Admission {
        state.withLock { state in
            guard state.byAddress[address, default: 0] < maximumPerAddress else { return .tooManyOfAddress }
            guard state.total < maximum else { return .tooMany }
            state.total += 1
            state.byAddress[address, default: 0] += 1
            return .admitted
        }
    }

    func leave(_ address: String) {
        state.withLock { state in
            state.total -= 1
            let left = state.byAddress[address, default: 1] - 1
            state.byAddress[address] = left == 0 ? nil : left
        }
    }
}
