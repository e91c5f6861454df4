import Runtime

/// What a proxy changes of the requests it forwards.
public struct Forwarding: Sendable {
    /// Where to: scheme, host and port, such as `http://127.0.0.1:8081`.
    public var base: String
    /// Headers that a client must not pass through: those in which services believe who is calling.
    public var removing: [String]
    /// Headers set on the forwarded request, in place of what the client sent under these names.
    public var setting: HTTPHeaders
    /// For the whole exchange, bodies included.
    public var deadline: Deadline?

    public init(base: String, removing: [String] = [], setting: HTTPHeaders = [:], deadline: Deadline? = nil) {
        self.base = base
        self.removing = removing
        self.setting = setting
        self.deadline = deadline
    }
}

extension HTTPClient {
    /// Sends a request on and brings the answer back; bodies stream both ways, nothing is held in whole.
    ///
    /// Path and query are forwarded byte for byte. Headers that belong to one connection (RFC 9110 §7.6.1) are dropped
    /// both ways. The request's id goes along as `X-Request-Id`.
    public func forward(_ request: HTTPRequest, _ forwarding: Forwarding) async throws -> HTTPResponse {
        var headers = request.headers.endToEnd
        for name in ["Host", "Content-Length", "Expect"] + forwarding.removing { headers.remove(name) }
        headers["X-Request-Id"] = request.id
        for name in Set(forwarding.setting.fields.map(\.name)) { headers.remove(name) }
        for field in forwarding.setting.fields { headers.add(field.name, field.value) }
        let answer = try await send(
            ClientRequest(
                request.method, forwarding.base, target: request.target, headers: headers, body: request.body,
                deadline: forwarding.deadline))
        var back = answer.headers.endToEnd
        for name in ["Content-Length", "Date"] { back.remove(name) }
        var body = answer.body
        if request.method == .head, let length = answer.headers["Content-Length"].flatMap({ Int($0) }) {
            // The server announces the length and sends nothing.
            body = .stream(length: length) { nil }
        }
        return HTTPResponse(answer.status, headers: back, body: body)
    }
}

extension HTTPHeaders {
    /// Without the headers that belong to one connection, and those that `Connection` names.
    public var endToEnd: HTTPHeaders {
        let dropped = Set(list("Connection").map { $0.lowercased() }).union(Self.hopByHop)
        return HTTPHeaders(fields.filter { !dropped.contains($0.name.lowercased()) })
    }

    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]
}
