/// Where a server listens.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 or IPv6 address; `localhost` is 127.0.0.1.
    public var host: String
    /// 0 takes a free port.
    public var port: Int

    public init(host: String = "127.0.0.1", port: Int) {
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Limits and times of an ``HTTPServer``.
public struct HTTPServerOptions: Sendable {
    /// What a request may be at most.
    public var limits = HTTPLimits()
    /// For a whole head, from its first byte, or from the connection for the first request; 408 beyond.
    public var headTimeout: Duration = .seconds(10)
    /// How long a connection may wait for its next request.
    public var keepAliveTimeout: Duration = .seconds(75)
    /// Bytes a second that the sender of a body must reach while the handler waits, measured over `rateWindow`.
    public var minimumBodyRate = 1024
    public var rateWindow: Duration = .seconds(10)
    /// How long an answer may make no progress because the client does not read.
    public var writeStallTimeout: Duration = .seconds(30)
    /// How long a closed connection still reads, so that the client gets the answer and not a reset.
    public var lingerTimeout: Duration = .seconds(2)
    /// Connections in all. Beyond, a new one takes the place of one that is idle; if none is, it gets 503 and is closed.
    public var maximumConnections = 10_000
    /// Connections from one address, likewise.
    public var maximumConnectionsPerAddress = 2_000
    /// Requests on one connection; the last is answered with `Connection: close`.
    public var maximumRequestsPerConnection = 1_000_000
    /// Connections the kernel holds for us.
    public var backlog: Int32 = 1024
    /// Shapes the server's own refusals (400, 408, 431, …): by default a plain problem document.
    public var refusal: @Sendable (HTTPStatus, _ reason: String, _ requestID: String) -> HTTPResponse =
        HTTPServerOptions.plainProblem

    public init() {}

    /// `application/problem+json` with status, title and detail.
    public static let plainProblem: @Sendable (HTTPStatus, String, String) -> HTTPResponse = { status, reason, id in
        // The reasons are the engine's own sentences and ids are tokens: nothing to escape.
        let text = """
            {"type":"about:blank","title":"\(status.reason)","status":\(status.code),"detail":"\(reason)",\
            "requestId":"\(id)"}
            """
        return HTTPResponse(status, headers: ["Content-Type": "application/problem+json"], body: .text(text))
    }
}

/// Why a server cannot start.
public struct HTTPServerError: Error, Sendable, CustomStringConvertible {
    /// One sentence: what is wrong and what to change.
    public let description: String
}
