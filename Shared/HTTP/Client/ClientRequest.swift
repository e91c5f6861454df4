import CCurl
import Runtime

/// A request to another server.
public struct ClientRequest: Sendable {
    public var method: HTTPMethod
    /// Absolute, `http` or `https`.
    public var url: String
    /// Sent byte for byte as the request target in place of the URL's path and query; nil takes these.
    public var target: String?
    public var headers: HTTPHeaders
    /// A stream is pulled as fast as the server takes it, and makes the request one that is not retried.
    public var body: HTTPBody
    /// For the whole exchange, the answer's body included; the client's `timeout` when nil.
    public var deadline: Deadline?
    /// Whether it is sent again when the connection failed before an answer came; by default what has the same effect
    /// once and twice. The second answer may be another all the same: what was deleted is not there.
    public var isRepeatable: Bool

    public init(
        _ method: HTTPMethod, _ url: String, target: String? = nil, headers: HTTPHeaders = [:],
        body: HTTPBody = .none, deadline: Deadline? = nil
    ) {
        self.method = method
        self.url = url
        self.target = target
        self.headers = headers
        self.body = body
        self.deadline = deadline
        isRepeatable = method.isIdempotent
    }
}

/// The answer of another server. Its body has arrived whole when it was short, and otherwise streams: the server is
/// only read from as fast as the body is. Dropping the body ends the transfer.
public struct ClientResponse: Sendable {
    public let status: HTTPStatus
    public let headers: HTTPHeaders
    public let body: HTTPBody

    /// The whole body.
    /// - Throws: ``HTTPBodyError/tooLarge(limit:)``, ``HTTPClientError``, ``Runtime/DeadlineExceeded``.
    public func bytes(upTo limit: Int) async throws -> [UInt8] {
        try await body.collect(upTo: limit)
    }
}

/// Why no answer, or not a whole one, came from another server.
public struct HTTPClientError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Reason: Sendable, Hashable {
        /// The URL, a header or the target cannot be sent.
        case invalidRequest
        /// No connection: name not found, refused, no route, connect time-out. The server saw nothing of the request.
        case unreachable
        /// The address is private and the client must not go there.
        case forbiddenAddress
        /// The certificate or the handshake.
        case tls
        /// The connection broke before the answer was whole. The server may have acted.
        case interrupted
        /// Nothing was received or sent for the client's `idleTimeout`.
        case stalled
        /// What came was not HTTP.
        case malformedAnswer
        /// The client was shut down.
        case closed
    }

    public let reason: Reason
    /// For logs; names the host but neither headers nor bodies.
    public let description: String

    init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }

    /// - Parameter code: `CURLcode`.
    init(_ code: CURLcode, url: String) {
        let reason: Reason =
            switch code {
            case CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT: .invalidRequest
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT: .unreachable
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
                CURLE_SSL_CERTPROBLEM,
                CURLE_SSL_CIPHER:
                .tls
            // The scheme was checked before; what is left of this code is an answer without a status line.
            case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING, CURLE_HTTP2:
                .malformedAnswer
            default: .interrupted
            }
        self.init(reason, "\(String(cString: curl_easy_strerror(code))) (\(Self.origin(of: url)))")
    }

    /// Scheme, host and port without user, path or query.
    static func origin(of url: String) -> String {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return "no URL" }
        return "\(parts[0])//\(parts[2].split(separator: "@").last ?? "")"
    }
}
