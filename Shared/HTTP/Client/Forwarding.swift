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
    /// both ways. The request's id goes along as `X-Request-Id`.
    public func forward(_ request: HTTPRequest, _ forwarding: Forwarding) async throws -> HTTPResponse {
        var setting = forwarding.setting
        setting["X-Request-Id"] = request.id
        var headers = request.headers.endToEnd { name in
            Self.isSetHere(name) || forwarding.removes(name) || setting.contains(name)
        }
        for field in setting.fields { headers.add(field.name, field.value) }
        let answer = try await send(
            ClientRequest(
                request.method, forwarding.base, target: request.target, headers: headers, body: request.body,
                deadline: forwarding.deadline))
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

    /// libcurl says what it does, whatever the client said.
    private static func isSetHere(_ name: String) -> Bool {
        HTTPHeaders.same(name, "Host") || HTTPHeaders.same(name, "Content-Length") || HTTPHeaders.same(name, "Expect")
    }
}

extension HTTPHeaders {
    /// Without the headers that belong to one connection, those that `Connection` names, and those that `drops` says.
    public func endToEnd(without drops: (_ name: String) -> Bool = { _ in false }) -> HTTPHeaders {
        let named = contains("Connection") ? list("Connection") : []
        return HTTPHeaders(
            fields.filter { field in
                !Self.isHopByHop(field.name) && !named.contains { Self.same($0, field.name) } && !drops(field.name)
            })
    }

    /// By length first: this is asked of every header of every request, twice.
    private static func isHopByHop(_ name: String) -> Bool {
        switch name.utf8.count {
        case 2: same(name, "TE")
        case 7: same(name, "Trailer") || same(name, "Upgrade")
        case 10: same(name, "Connection") || same(name, "Keep-Alive")
        case 16: same(name, "Proxy-Connection")
        case 17: same(name, "Transfer-Encoding")
        case 18: same(name, "Proxy-Authenticate")
        case 19: same(name, "Proxy-Authorization")
        default: false
        }
    }
}
