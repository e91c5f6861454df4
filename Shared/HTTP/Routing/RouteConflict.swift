/// Declarations of endpoints that contradict each other: a programmer's error that stops the start of a service.
public struct RouteConflict: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }

    /// Checks what each endpoint declares and that operation ids are unique.
    static func check(_ endpoints: [Endpoint]) throws(RouteConflict) {
        var byID: [String: Endpoint] = [:]
        for endpoint in endpoints {
            if let other = byID[endpoint.id] {
                throw RouteConflict(
                    "The operation id \(endpoint.id) is used for both \(other.method.rawValue) \(other.path) and "
                        + "\(endpoint.method.rawValue) \(endpoint.path).")
            }
            byID[endpoint.id] = endpoint
            try check(endpoint)
        }
    }

    private static func check(_ endpoint: Endpoint) throws(RouteConflict) {
        let segments = endpoint.path.split(separator: "/")
        let isWellFormed =
            endpoint.path.first == "/" && !endpoint.path.contains("//")
            && (endpoint.path == "/" || endpoint.path.last != "/")
            && segments.allSatisfy { segment in
                segment.contains { "{}".contains($0) }
                    ? segment.count > 2 && segment.first == "{" && segment.last == "}"
                    : PercentCoding.decode(segment) == String(segment)
            }
        guard isWellFormed else {
            throw RouteConflict("\(endpoint.id): the path \(endpoint.path) is malformed; write it like /v1/leads/{id}.")
        }
        let inPath = segments.filter { $0.first == "{" }.map { String($0.dropFirst().dropLast()) }
        let declared = endpoint.parameters.filter { $0.place == .path }.map(\.name)
        guard Set(inPath).count == inPath.count, Set(declared).isSubset(of: inPath) else {
            throw RouteConflict("\(endpoint.id): the parameters of \(endpoint.path) and the declared ones differ.")
        }
        let lane = Lane(endpoint.method, endpoint.path)
        guard endpoint.lane == lane || !endpoint.lane.isLong && !lane.isLong else {
            throw RouteConflict(
                "\(endpoint.id): a proxy takes \(endpoint.path) for \(lane), not for \(endpoint.lane): see Lane.")
        }
        guard !endpoint.responses.isEmpty else { throw RouteConflict("\(endpoint.id) declares no response.") }
    }
}
