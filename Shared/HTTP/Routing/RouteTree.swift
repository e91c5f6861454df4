/// Routes by segments of their paths; a static segment beats a parameter.
struct RouteTree<Route: Sendable>: Sendable {
    enum Match {
        case route(Route, names: [String], values: [Substring])
        case methodNotAllowed([HTTPMethod])
        case none
    }

    private typealias Routes = [HTTPMethod: (route: Route, names: [String])]

    private struct Node: Sendable {
        var statics: [Substring: Int] = [:]
        var parameter: Int?
        /// The routes of the path that ends here.
        var routes: Routes = [:]
    }

    private var nodes = [Node()]

    /// - Returns: the route that was there before, which stays; nil when there was none.
    mutating func insert(_ route: Route, _ method: HTTPMethod, _ path: String) -> Route? {
        var names: [String] = []
        var node = 0
        for segment in Self.segments(path) {
            if segment.first == "{" { names.append(String(segment.dropFirst().dropLast())) }
            node = child(of: node, segment)
        }
        if let present = nodes[node].routes[method] { return present.route }
        nodes[node].routes[method] = (route, names)
        return nil
    }

    private mutating func child(of node: Int, _ segment: Substring) -> Int {
        let isParameter = segment.first == "{"
        if let present = isParameter ? nodes[node].parameter : nodes[node].statics[segment] { return present }
        nodes.append(Node())
        if isParameter {
            nodes[node].parameter = nodes.count - 1
        } else {
            nodes[node].statics[segment] = nodes.count - 1
        }
        return nodes.count - 1
    }

    /// Finds the route for a raw path; nothing is decoded here.
    func match(_ method: HTTPMethod, _ path: String) -> Match {
        guard path.utf8.first == UInt8(ascii: "/") else { return .none }
        var values: [Substring] = []
        guard let routes = walk(0, Self.segments(path)[...], &values) else { return .none }
        if let found = routes[method] ?? (method == .head ? routes[.get] : nil) {
            return .route(found.route, names: found.names, values: values)
        }
        var allowed = Set(routes.keys).union([.options])
        if allowed.contains(.get) { allowed.insert(.head) }
        return .methodNotAllowed(allowed.sorted { $0.rawValue < $1.rawValue })
    }

    private func walk(_ node: Int, _ rest: ArraySlice<Substring>, _ values: inout [Substring]) -> Routes? {
        guard let segment = rest.first else { return nodes[node].routes.isEmpty ? nil : nodes[node].routes }
        if let next = nodes[node].statics[segment], let routes = walk(next, rest.dropFirst(), &values) { return routes }
        guard let next = nodes[node].parameter, !segment.isEmpty else { return nil }
        values.append(segment)
        if let routes = walk(next, rest.dropFirst(), &values) { return routes }
        values.removeLast()
        return nil
    }

    private static func segments(_ path: String) -> [Substring] {
        guard path.utf8.count > 1 else { return [] }
        return path.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { Substring($0) }
    }
}
