import HTTP
import JSON
import Runtime

/// Calls another of our services: adds the caller's identity token, the trace and the request's id.
public struct ServiceClient: Sendable {
    /// What a service answered.
    public struct Answer: Sendable {
        public let status: HTTPStatus
        public let headers: HTTPHeaders
        /// `.null` for an answer without a body.
        public let json: JSON
    }

    /// The longest answer that is read.
    public static let answerLimit = 4 << 20

    private let baseURL: String
    private let client: HTTPClient
    private let minter: IdentityMinter

    /// - Parameter baseURL: scheme, host and port, such as `http://127.0.0.1:8083`.
    public init(baseURL: String, client: HTTPClient, minter: IdentityMinter) {
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        (self.client, self.minter) = (client, minter)
    }

    /// Sends a request in the name of `principal` and reads the whole answer, whatever its status.
    /// - Parameter path: begins with `/`; its parameters are percent-encoded already.
    /// - Throws: ``HTTPClientError``, ``Runtime/DeadlineExceeded``, ``PrincipalTooLarge``.
    public func send(
        _ method: HTTPMethod, _ path: String, as principal: Principal, body: JSON? = nil, headers: HTTPHeaders = [:],
        deadline: Deadline = .after(.seconds(10))
    ) async throws -> Answer {
        var headers = headers
        headers[IdentityToken.header] = try minter.token(for: principal)
        Self.propagate(into: &headers)
        if body != nil { headers["Content-Type"] = "application/json" }
        let response = try await client.send(
            ClientRequest(
                method, baseURL + path, headers: headers, body: body.map { .bytes($0.serialize()) } ?? .none,
                deadline: deadline))
        let bytes = try await response.bytes(upTo: Self.answerLimit)
        let json = bytes.isEmpty ? .null : try JSON.parse(bytes)
        return Answer(status: response.status, headers: response.headers, json: json)
    }

    /// Adds `traceparent` and `X-Request-Id` of the work at hand, for requests to our own services.
    public static func propagate(into headers: inout HTTPHeaders) {
        guard let scope = RequestScope.current else { return }
        headers["traceparent"] = scope.trace.traceparent
        if let id = scope.requestID { headers["X-Request-Id"] = id }
    }
}

extension RemoteKeySet {
    /// The keys that a process of ours publishes at its internal port.
    public init(internalURL: String, client: HTTPClient) {
        let url = internalURL + "/.well-known/jwks.json"
        self.init {
            let response = try await client.send(ClientRequest(.get, url, deadline: .after(.seconds(2))))
            guard response.status.isSuccess else {
                throw KeysUnavailable(reason: "\(url) answers \(response.status.code)")
            }
            return try await response.bytes(upTo: 1 << 20)
        }
    }
}
