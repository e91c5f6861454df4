import Runtime

/// What a proxy changes of the requests it forwards.
public struct Forwarding: Sendable {
    /// Where to: scheme, host and port, such as `http://127.0.0.1:8081`.
    public var base: String
    /// Whether a client must not pass a header of this name through: those in which services believe who is calling.
    public var removes: @Sendable (_ name: String) -> Bool
    /// Headers set on the forwarded request, in place of what the client sent under these names.
    public var setting: HTTPHeaders
    /// For the whole exchange, bodies included.
    public var deadline: Deadline?

    public init(
        base: String, removes: @escaping @Sendable (_ name: String) -> Bool = { _ in false },
        setting: HTTPHeaders = [:], deadline: Deadline? = nil
    ) {
        self.base = base
        self.removes = removes
        self.setting = setting
        self.deadline = deadline
    }
}

extension HTTPClient {
    /// Sends a request on and brings the answer back; bodies stream both ways, nothing is held in whole.
    ///
    /// Path and query are forwarded byte for byte. Headers that belong to one connection (RFC 9110 §7.6.1) are dropped
    /// both ways. The request's id goes along as `X-Request-Id`. What has effects is sent once.
    public func forward(_ request: HTTPRequest, _ forwarding: Forwarding) async throws -> HTTPResponse {
        var setting = forwarding.setting
        setting["X-Request-Id"] = request.id
        var headers = request.headers.endToEnd { name in
            HTTPHeaders.same(name, "Host") || forwarding.removes(name) || setting.contains(name)
        }
        for field in setting.fields { headers.add(field.name, field.value) }
        var onward = ClientRequest(
            request.method, forwarding.base, target: request.target, headers: headers, body: request.body,
            deadline: forwarding.deadline)
        // Whether to send again what has effects is the client's to decide, who knows what the second answer means: 404
        // for what the first attempt deleted, 412 for what it changed.
        onward.isRepeatable = request.method.isSafe
        let answer = try await send(onward)
        let back = answer.headers.endToEnd { name in
            HTTPHeaders.same(name, "Content-Length") || HTTPHeaders.same(name, "Date")
        }
        var body = answer.body
        if request.method == .head, let length = answer.headers["Content-Length"].flatMap({ Int($0) }) {
            // The server announces the length and sends nothing.
            body = .stream(length: length) { nil }
        }
        return HTTPResponse(answer.status, headers: back, body: body)
    }
}

extension HTTPHeaders {
    /// Without the headers that belong to one connection, those that `Connection` names, and those that `drops` says.
    public func endToEnd(without drops: (_ name: String) -> Bool = { _ in false }) -> HTTPHeaders {
        let dropped = contains("Connection") ? Self.hopByHop + list("Connection") : Self.hopByHop
        return HTTPHeaders(
            fields.filter { field in
                !dropped.contains { Self.same($0, field.name) } && !drops(field.name)
            })
    }

    private static let hopByHop = [
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade",
    ]
}
