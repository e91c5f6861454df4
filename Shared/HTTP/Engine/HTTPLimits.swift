/// What a server accepts before it refuses. Sizes in bytes.
public struct HTTPLimits: Sendable, Hashable {
    /// Longest request target; 414 beyond.
    public var target = 8 * 1024
    /// Longest header section; 431 beyond.
    public var headers = 16 * 1024
    /// Most header lines; 431 beyond.
    public var headerCount = 100
    /// Most bytes of chunk extensions in one body; 400 beyond.
    public var chunkExtensions = 256
    /// Longest trailer section; 431 beyond.
    public var trailers = 4 * 1024
    /// Longest body whatever the route says; 413 beyond. Routes set smaller limits when they read.
    public var body = 1 << 30
    /// Bytes of a connection held in memory before reading from it stops.
    public var buffered = 64 * 1024
    /// Unread body bytes that are worth reading to keep a connection; with more it is closed.
    public var discarded = 64 * 1024

    public init() {}
}

/// Why the engine refuses what came in; the connection is closed after the answer.
struct HTTPRefusal: Error, Hashable {
    let status: HTTPStatus
    /// One sentence for the sender: what is wrong and what to send instead.
    let reason: String

    init(_ status: HTTPStatus, _ reason: String) {
        self.status = status
        self.reason = reason
    }

    static func bad(_ reason: String) -> HTTPRefusal { HTTPRefusal(.badRequest, reason) }
}
