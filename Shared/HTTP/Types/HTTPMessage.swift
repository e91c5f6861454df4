import Glibc

/// A request as the server hands it to the handler.
public struct HTTPRequest: Sendable {
    public var method: HTTPMethod
    /// The request target as sent: origin-form, or `*` for `OPTIONS`. Valid ASCII, nothing decoded.
    public var target: String
    /// The part of the target before `?`, undecoded. Split it by `/` first and decode the segments after.
    public var path: String
    /// The part of the target after `?`, undecoded; `nil` without `?`.
    public var query: String?
    public var headers: HTTPHeaders
    public var body: HTTPBody
    /// The peer's IP address, without port.
    public var remoteAddress: String
    /// The `X-Request-Id` that came with the request (when it is 1…64 letters, digits, `-`, `_`, `.`) or a new one;
    /// the server repeats it in the answer.
    public var id: String

    /// Makes a request, for tests and for calls within the process. `path` and `query` are cut from `target`.
    public init(
        _ method: HTTPMethod, _ target: String, headers: HTTPHeaders = [:], body: HTTPBody = .none,
        remoteAddress: String = "127.0.0.1", id: String = HTTPRequest.newID()
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        self.id = id
        if let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) {
            path = String(target[..<mark])
            query = String(target[target.utf8.index(after: mark)...])
        } else {
            path = target
            query = nil
        }
    }
}

extension HTTPRequest {
    /// The peer as limits count it: of an IPv6 address the first 64 bits, as anybody has all addresses behind them.
    public var remoteNetwork: String {
        guard remoteAddress.utf8.contains(UInt8(ascii: ":")) else { return remoteAddress }
        // The address as it is on the wire.
        var address = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, remoteAddress, &address) == 1 else { return remoteAddress }
        for index in 8..<16 { address[index] = 0 }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return remoteAddress }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) + "/64"
    }
}

/// An answer. `Content-Length` or `Transfer-Encoding`, `Date` and `Connection` are the server's to set.
public struct HTTPResponse: Sendable {
    public var status: HTTPStatus
    public var headers: HTTPHeaders
    public var body: HTTPBody

    public init(_ status: HTTPStatus, headers: HTTPHeaders = [:], body: HTTPBody = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Answers one request. Runs on the loop of the request's connection; its task is cancelled when the client resets
/// the connection.
public typealias HTTPHandler = @Sendable (HTTPRequest) async -> HTTPResponse
