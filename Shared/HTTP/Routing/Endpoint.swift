/// A route as a value: the router, the checks and the OpenAPI document are all made from it.
public struct Endpoint: Sendable {
    public typealias Handle = @Sendable (Call) async throws -> HTTPResponse

    public let method: HTTPMethod
    /// `/v1/leads/{id}/convert`: static segments and `{name}` parameters that fill a whole segment.
    public let path: String
    /// The `operationId`: unique, `camelCase`, kept for ever.
    public let id: String
    public let summary: String
    public let description: String?
    public let tags: [String]
    /// What the caller must be allowed; checked before the body is read.
    public let permission: Permission
    public let parameters: [Parameter]
    public let query: QueryPolicy
    public let body: RequestBody?
    public let responses: [ResponseSpec]
    /// Problems that belong to this operation; those that any operation may answer are added by themselves.
    public let errors: [ProblemType]
    /// With which requests its own compete.
    public let lane: Lane
    /// From the request's arrival to its answer; then 503.
    public let timeout: Duration
    public let handle: Handle

    public init(
        _ method: HTTPMethod, _ path: String, id: String, summary: String, description: String? = nil,
        tags: [String] = [], permission: Permission, parameters: [Parameter] = [], query: QueryPolicy = .declared,
        body: RequestBody? = nil, responses: [ResponseSpec], errors: [ProblemType] = [],
        lane: Lane = .quick, timeout: Duration = .seconds(30), handle: @escaping Handle
    ) {
        self.method = method
        self.path = path
        self.id = id
        self.summary = summary
        self.description = description
        self.tags = tags
        self.permission = permission
        self.parameters = parameters
        self.query = query
        self.body = body
        self.responses = responses
        self.errors = errors
        self.lane = lane
        self.timeout = timeout
        self.handle = handle
    }
}

/// A subtree of paths that one handler answers whatever the method: the gateway's way to a service.
///
/// Endpoints win over mounts, longer prefixes over shorter ones. A mount takes any query and any body, and is not in the
/// OpenAPI document.
public struct Mount: Sendable {
    /// `/v1/leads`: this path and everything below it.
    public let prefix: String
    public let id: String
    public let permission: Permission
    /// Nil when the handler keeps the time itself.
    public let timeout: Duration?
    public let handle: Endpoint.Handle

    public init(
        _ prefix: String, id: String, permission: Permission, timeout: Duration? = .seconds(60),
        handle: @escaping Endpoint.Handle
    ) {
        self.prefix = prefix
        self.id = id
        self.permission = permission
        self.timeout = timeout
        self.handle = handle
    }
}
