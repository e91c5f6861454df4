import JSON
import Runtime

/// Finds the endpoint of a request, checks what every endpoint needs checked, and turns errors into answers.
public struct Router: Sendable {
    fileprivate struct Route: Sendable {
        let id: String
        let permission: Permission
        /// Nil for a mount: what is behind it has lanes of its own.
        let lane: Lane?
        /// Nil when the handler keeps the time itself.
        let timeout: Duration?
        let body: RequestBody?
        /// Nil when any query parameter may be sent.
        let queryNames: Set<String>?
        /// What is told of the path, where the path itself holds a secret.
        let publicPath: String?
        let run: Endpoint.Handle
    }

    /// What a call without a deadline of its own hears.
    private static let longest = Duration.seconds(3600)

    private var tree = RouteTree<Route>()
    private var mounts: [String: Route] = [:]
    private let events: RouterEvents
    private let refusals: Refusals

    /// - Parameters:
    ///   - middleware: the first is the outermost.
    ///   - translate: gives errors of lower modules (a database that is down) their problem.
    /// - Throws: ``RouteConflict`` when two endpoints share a path and method or an operation id, or a path is malformed.
    public init(
        _ endpoints: [Endpoint], mounts: [Mount] = [], middleware: [any Middleware] = [], events: RouterEvents,
        translate: @escaping @Sendable (any Error) -> Problem? = { _ in nil }
    ) throws(RouteConflict) {
        let refusals = Refusals(events: events, translate: translate)
        (self.events, self.refusals) = (events, refusals)
        func chain(_ permission: Permission, _ handle: @escaping Endpoint.Handle) -> Endpoint.Handle {
            Self.chain(middleware, refusals.inLanguageOfCaller(Self.checked(permission, handle)))
        }
        try RouteConflict.check(endpoints)
        for endpoint in endpoints {
            let route = Route(endpoint, chain(endpoint.permission, endpoint.handle))
            if let present = tree.insert(route, endpoint.method, endpoint.path) {
                throw RouteConflict(
                    "\(endpoint.method.rawValue) \(endpoint.path) is declared by both \(present.id) and \(endpoint.id)."
                )
            }
        }
        for mount in mounts {
            guard self.mounts[mount.prefix] == nil else { throw RouteConflict("\(mount.prefix) is mounted twice.") }
            self.mounts[mount.prefix] = Route(mount, chain(mount.permission, mount.handle))
        }
    }

    private static func checked(
        _ permission: Permission, _ handle: @escaping Endpoint.Handle
    ) -> Endpoint.Handle {
        { call in
            if permission != .everyone, try !call.caller.may(permission) {
                throw Problem(
                    .forbidden,
                    .init(en: "This needs the permission \(permission).", zh: "此操作需要权限 \(permission)。"))
            }
            return try await handle(call)
        }
    }

    private static func chain(_ middleware: [any Middleware], _ handle: @escaping Endpoint.Handle) -> Endpoint.Handle {
        middleware.reversed().reduce(handle) { next, outer in
            { call in try await outer.respond(to: call, next: next) }
        }
    }

    /// The server's handler.
    public var handler: HTTPHandler { { request in await self.respond(to: request) } }

    /// Answers a request; never fails.
    public func respond(to request: HTTPRequest) async -> HTTPResponse {
        let start = ContinuousClock.now
        var told = request
        var operation: String?
        let response: HTTPResponse
        do {
            switch find(request) {
            case .found(let route, let names, let values):
                operation = route.id
                if let path = route.publicPath { told.path = path }
                let call = try call(request, route, PathParameters(names: names, segments: values), start)
                response = try await run(route, call)
            case .answer(let answer): response = answer
            case .problem(let problem): throw problem
            }
        } catch {
            response = refusals.answer(
                to: error, told, operation, Language(acceptLanguage: request.headers["Accept-Language"]))
        }
        events.answered(told, operation, response.status, start.duration(to: .now))
        return response
    }

    private func run(_ route: Route, _ call: Call) async throws -> HTTPResponse {
        guard route.timeout != nil else { return try await route.run(call) }
        let response = try await endingTask(at: call.deadline) { try await route.run(call) }
        // A body that is still to be read cannot be, in a task that was cancelled.
        if Task.isCancelled, case .stream = response.body.content { throw DeadlineExceeded() }
        return response
    }

    // MARK: - Finding

    private enum Finding {
        case found(Route, names: [String], values: [Substring])
        case answer(HTTPResponse)
        case problem(Problem)
    }

    private func find(_ request: HTTPRequest) -> Finding {
        switch tree.match(request.method, request.path) {
        case .route(let route, let names, let values):
            return .found(route, names: names, values: values)
        case .methodNotAllowed(let methods):
            let allow = methods.map(\.rawValue).joined(separator: ", ")
            if request.method == .options { return .answer(HTTPResponse(.noContent, headers: ["Allow": allow])) }
            return .problem(
                Problem(
                    .methodNotAllowed,
                    .init(
                        en: "\(request.method.rawValue) is not offered here; use \(allow).",
                        zh: "此地址不支持 \(request.method.rawValue)，请使用 \(allow)。"),
                    headers: [("Allow", allow)]))
        case .none:
            if let mount = mount(for: request.path) { return .found(mount, names: [], values: []) }
            return .problem(Problem(.notFound))
        }
    }

    /// The longest mount that is the path or a whole-segment beginning of it.
    private func mount(for path: String) -> Route? {
        guard !mounts.isEmpty else { return nil }
        var prefix = Substring(path)
        while !prefix.isEmpty {
            if let mount = mounts[String(prefix)] { return mount }
            guard let slash = prefix.utf8.lastIndex(of: UInt8(ascii: "/")) else { break }
            prefix = prefix[..<slash]
        }
        return mounts["/"]
    }

    private func call(
        _ request: HTTPRequest, _ route: Route, _ path: PathParameters, _ start: ContinuousClock.Instant
    ) throws(Problem) -> Call {
        if let encoding = request.headers["Content-Encoding"], !HTTPHeaders.same(encoding, "identity") {
            throw .compressedBody
        }
        let query = try Query(parsing: request.query)
        if let known = route.queryNames, let unknown = query.unknown(known) { throw unknown }
        return Call(
            request: request, operation: route.id, permission: route.permission,
            lane: route.lane ?? Lane(request.method, request.path), path: path,
            query: query, body: route.body, deadline: Deadline(start + (route.timeout ?? Self.longest)))
    }
}

extension Router.Route {
    fileprivate init(_ endpoint: Endpoint, _ run: @escaping Endpoint.Handle) {
        let names = endpoint.parameters.filter { $0.place == .query }.map(\.name)
        self.init(
            id: endpoint.id, permission: endpoint.permission, lane: endpoint.lane, timeout: endpoint.timeout,
            body: endpoint.body, queryNames: endpoint.query == .declared ? Set(names) : nil,
            publicPath: endpoint.parameters.contains(where: \.isSecret) ? endpoint.path : nil, run: run)
    }

    fileprivate init(_ mount: Mount, _ run: @escaping Endpoint.Handle) {
        self.init(
            id: mount.id, permission: mount.permission, lane: nil, timeout: mount.timeout, body: nil,
            queryNames: nil, publicPath: nil, run: run)
    }
}

extension Problem {
    /// Nothing sent is ever unpacked: some bytes could become very many.
    fileprivate static let compressedBody = Problem(
        .unsupportedMediaType,
        .init(en: "Send the body as it is, without Content-Encoding.", zh: "请直接发送请求体，不要使用 Content-Encoding 压缩。"),
        headers: [("Accept-Encoding", "identity")])
}

extension Query {
    /// The problem that names every parameter outside `known`.
    fileprivate func unknown(_ known: Set<String>) -> Problem? {
        let unknown = items.map(\.name).filter { !known.contains($0) }
        guard !unknown.isEmpty else { return nil }
        let offered = known.sorted().joined(separator: ", ")
        let message = LocalizedText(
            en: known.isEmpty ? "This operation takes no query parameters." : "Known parameters: \(offered).",
            zh: known.isEmpty ? "此接口不接受查询参数。" : "可用参数：\(offered)。")
        return Problem(
            .unknownParameter, message,
            errors: unknown.map { FieldError(String($0.prefix(100)), code: "unknown", message) })
    }
}
