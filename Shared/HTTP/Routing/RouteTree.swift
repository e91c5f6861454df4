/// Routes by segments of their paths; a static segment beats a parameter.
struct RouteTree<Route: Sendable>: Sendable {
    enum Match {
        case route(Route, names: [String], values: [Substring])
        case methodNotAllowed([HTTPMethod])
        case none
    }

    private typealias Routes = [HTTPMethod: (route: Route, names: [String])]

    private struct Node: Sendable {
        /// Few: comparing their bytes costs less than hashing a segment.
        var statics: [(name: [UInt8], node: Int)] = []
        var parameter: Int?
        /// The routes of the path that ends here.
        var routes: Routes = [:]
    }

    private var nodes = [Node()]

    /// - Returns: the route that was there before, which stays; nil when there was none.
    mutating func insert(_ route: Route, _ method: HTTPMethod, _ path: String) -> Route? {
        var names: [String] = []
        var node = 0
        let segments = path == "/" ? [] : path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for segment in segments {
            if segment.first == "{" { names.append(String(segment.dropFirst().dropLast())) }
            node = child(of: node, segment)
        }
        if let present = nodes[node].routes[method] { return present.route }
        nodes[node].routes[method] = (route, names)
        return nil
    }

    private mutating func child(of node: Int, _ segment: Substring) -> Int {
        let isParameter = segment.first == "{"
        let name = Array(segment.utf8)
        let present = isParameter ? nodes[node].parameter : nodes[node].statics.first { $0.name == name }?.node
        if let present { return present }
        nodes.append(Node())
        if isParameter {
            nodes[node].parameter = nodes.count - 1
        } else {
            nodes[node].statics.append((name, nodes.count - 1))
        }
        return nodes.count - 1
    }

    /// Finds the route for a raw path; nothing is decoded here.
    func match(_ method: HTTPMethod, _ path: String) -> Match {
        let bytes = path.utf8Span.span
        guard !bytes.isEmpty, bytes[0] == Byte.slash else { return .none }
        var places: [Range<Int>] = []
        guard let node = walk(0, bytes, bytes.count > 1 ? 1 : nil, &places) else { return .none }
        let routes = nodes[node].routes
        if let found = routes[method] ?? (method == .head ? routes[.get] : nil) {
            return .route(found.route, names: found.names, values: places.map { Self.text(path, $0) })
        }
        var allowed = Set(routes.keys).union([.options])
        if allowed.contains(.get) { allowed.insert(.head) }
        return .methodNotAllowed(allowed.sorted { $0.rawValue < $1.rawValue })
    }

    /// The node at which the path ends.
    ///
    /// - Parameter start: where the next segment begins; nil after the last one.
    private func walk(_ node: Int, _ path: borrowing Span<UInt8>, _ start: Int?, _ places: inout [Range<Int>]) -> Int? {
        guard let start else { return nodes[node].routes.isEmpty ? nil : node }
        var end = start
        while end < path.count, path[end] != Byte.slash { end += 1 }
        let next = end < path.count ? end + 1 : nil
        for child in nodes[node].statics where Self.same(child.name, path, start..<end) {
            if let found = walk(child.node, path, next, &places) { return found }
        }
        guard let parameter = nodes[node].parameter, start < end else { return nil }
        places.append(start..<end)
        if let found = walk(parameter, path, next, &places) { return found }
        places.removeLast()
        return nil
    }

    private static func same(_ name: [UInt8], _ path: borrowing Span<UInt8>, _ place: Range<Int>) -> Bool {
        guard name.count == place.count else { return false }
        for index in name.indices where name[index] != path[place.lowerBound + index] { return false }
        return true
    }

    private static func text(_ path: String, _ place: Range<Int>) -> Substring {
        let start = path.utf8.index(path.startIndex, offsetBy: place.lowerBound)
        return path[start..<path.utf8.index(start, offsetBy: place.count)]
    }
}
