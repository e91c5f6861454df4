/// What happens around every call: tracing, proof of identity, rate limits.
///
/// Runs after the route was found and before the permission is checked. It may change the call, answer by itself,
/// change the answer, or throw; a ``Problem`` thrown anywhere becomes the answer.
public protocol Middleware: Sendable {
    func respond(to call: Call, next: @Sendable (Call) async throws -> HTTPResponse) async throws -> HTTPResponse
}

/// What a router tells its surroundings.
public struct RouterEvents: Sendable {
    /// An error that became a 500: for the log. The client learns only the request's id.
    public var unexpected: @Sendable (_ error: any Error, _ request: HTTPRequest, _ operation: String?) -> Void
    /// An exchange with another server that brought no answer, or not a whole one: for the log.
    public var brokenExchange:
        @Sendable (_ error: HTTPClientError, _ request: HTTPRequest, _ operation: String?) -> Void
    /// Every answer, with the operation's id when a route was found: for metrics and the access log.
    public var answered:
        @Sendable (_ request: HTTPRequest, _ operation: String?, _ status: HTTPStatus, _ duration: Duration) -> Void

    public init(
        unexpected: @escaping @Sendable (any Error, HTTPRequest, String?) -> Void,
        brokenExchange: @escaping @Sendable (HTTPClientError, HTTPRequest, String?) -> Void = { _, _, _ in },
        answered: @escaping @Sendable (HTTPRequest, String?, HTTPStatus, Duration) -> Void = { _, _, _, _ in }
    ) {
        self.unexpected = unexpected
        self.brokenExchange = brokenExchange
        self.answered = answered
    }
}
