import CPostgres

/// What went wrong between a program and its database.
///
/// `description` holds nothing of a user's data; `debugDescription` also has the server's detail and the statement.
public struct PostgresError: Error, Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// The server refused a statement: see `sqlState`.
        case server
        /// No connection can be made: the server is down, starting, or refuses the login.
        case unavailable
        /// The connection broke while a statement ran; whether a commit in flight took place is unknown.
        case connectionLost
        /// Every connection is lent, and either the queue is full or the wait took too long.
        case poolExhausted
        /// The pool was closed.
        case closed
        /// The program used this module wrongly or the server answered what cannot be.
        case usage
    }

    public let kind: Kind
    /// Five characters, `23505` for instance; empty unless `kind` is `server`. See ``SQLState``.
    public let sqlState: String
    /// The server's primary message. It may name tables and columns, but (by PostgreSQL's convention) no values.
    public let message: String
    public let constraint: String?
    public let table: String?
    public let column: String?
    let detail: String?
    let hint: String?
    var statement: String?

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
        sqlState = ""
        constraint = nil
        table = nil
        column = nil
        detail = nil
        hint = nil
    }

    /// From a result of status `PGRES_FATAL_ERROR`.
    init(result: OpaquePointer?) {
        func field(_ name: UnicodeScalar) -> String? {
            PQresultErrorField(result, Int32(name.value)).map { String(cString: $0) }
        }
        let state = field("C")
        sqlState = state ?? ""
        // Without a state the message is libpq's own: the connection is gone.
        kind = state == nil ? .connectionLost : .server
        message = field("M") ?? PQresultErrorMessage(result).map { String(cString: $0) } ?? "unknown error"
        constraint = field("n")
        table = field("t")
        column = field("c")
        detail = field("D")
        hint = field("H")
    }

    /// The same transaction may succeed when it is run again: it met another one, or a statement prepared before a
    /// migration.
    public var isTransient: Bool {
        ["40001", "40P01"].contains(sqlState) || isStalePlan
    }

    /// A statement prepared before its tables changed.
    var isStalePlan: Bool {
        (sqlState == "0A000" && message.hasPrefix("cached plan must not change result type")) || sqlState == "26000"
    }

    /// The database cannot be used now, for no fault of the statement: answer 503 and try later.
    public var isUnavailable: Bool {
        switch kind {
        case .unavailable, .connectionLost, .poolExhausted, .closed: true
        case .server: sqlState.hasPrefix("57P") || sqlState.hasPrefix("53")
        case .usage: false
        }
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String {
        switch kind {
        case .server: "PostgreSQL \(sqlState): \(message)"
        case .unavailable: "PostgreSQL cannot be reached: \(message)"
        case .connectionLost: "The connection to PostgreSQL broke: \(message)"
        case .poolExhausted: "All connections to PostgreSQL are in use: \(message)"
        case .closed: "The connections to PostgreSQL are closed: \(message)"
        case .usage: message
        }
    }

    public var debugDescription: String {
        let rest = [("detail", detail), ("hint", hint), ("constraint", constraint), ("statement", statement)]
        return rest.reduce(description) { text, part in part.1.map { "\(text)\n  \(part.0): \($0)" } ?? text }
    }
}

/// The codes that programs look at (PostgreSQL manual, appendix A).
public enum SQLState {
    public static let uniqueViolation = "23505"
    public static let foreignKeyViolation = "23503"
    public static let insufficientPrivilege = "42501"
    public static let undefinedTable = "42P01"
    public static let undefinedSchema = "3F000"
    /// Also of a role that does not exist.
    public static let invalidParameter = "22023"
    public static let lockNotAvailable = "55P03"
    public static let queryCanceled = "57014"
    public static let badUTF8 = "22021"
}

extension PostgresError {
    /// The database answered what this version of the program does not understand.
    public static func unexpected(_ reason: String) -> PostgresError { PostgresError(.usage, reason) }
}
