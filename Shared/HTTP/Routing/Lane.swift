/// What a request asks of a server: requests of one lane compete with each other for places, not with those of others.
public enum Lane: Sendable, Hashable {
    /// Answered at once, with a small body.
    case quick
    /// Rows in bulk: much data.
    case bulk
    /// A file that is stored as it comes.
    case files
    /// Takes much of a processor by itself, as hashing a password does.
    case heavy

    /// Whether it may take minutes, for all that it moves.
    public var isLong: Bool { self == .bulk || self == .files }

    /// The lane of a request of which only the address is known: a proxy does not know the endpoints behind it. The
    /// router holds endpoints to it, see ``RouteConflict``.
    public init(_ method: HTTPMethod, _ path: String) {
        self =
            switch path {
            case _ where method != .post: .quick
            case _ where path.hasSuffix("/bulk"): .bulk
            case _ where path.hasSuffix("/imports"): .files
            default: .quick
            }
    }
}
