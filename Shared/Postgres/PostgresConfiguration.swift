import Foundation

/// Where a database is, as whom to enter it, and how much of it to use.
public struct PostgresConfiguration: Sendable {
    /// A host name, an address, or the folder of a Unix socket.
    public var host: String
    public var port: Int
    public var database: String
    /// The login of statements that name no other (see ``DatabaseRole``).
    public var login: String
    /// The password of every login this program uses.
    public var password: String?
    /// libpq's `sslmode`.
    public var sslMode = "prefer"
    /// Shown in `pg_stat_activity`.
    public var applicationName = "guanxi"

    /// The most connections of each loop.
    public var connectionsPerLoop = 12
    /// The most tasks of each loop that may wait for a connection; the next one is refused at once.
    public var waitersPerLoop = 512
    /// The longest wait for a connection.
    public var acquireTimeout = Duration.seconds(5)
    /// A connection is replaced after this time: the server's caches grow with its life.
    public var maximumAge = Duration.seconds(1800)
    public var connectTimeout = Duration.seconds(5)
    /// Limits that the server keeps on every statement, lock wait and forgotten transaction.
    public var statementTimeout = Duration.seconds(30)
    public var lockTimeout = Duration.seconds(10)
    public var idleInTransactionTimeout = Duration.seconds(30)
    /// Prepared statements kept on each connection.
    public var preparedStatements = 512

    public init(host: String, port: Int = 5432, database: String, login: String, password: String? = nil) {
        self.host = host
        self.port = port
        self.database = database
        self.login = login
        self.password = password
    }

    /// `postgresql://login:password@host:port/database?sslmode=require`; a socket's folder stands in `?host=/folder`.
    public init(url: String) throws(PostgresError) {
        guard let parts = URLComponents(string: url), ["postgresql", "postgres"].contains(parts.scheme ?? "") else {
            throw PostgresError(
                .usage, "A database address looks like postgresql://login:password@host:5432/database.")
        }
        let query = Dictionary(
            (parts.queryItems ?? []).map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { $1 })
        guard let login = parts.user, !login.isEmpty else {
            throw PostgresError(.usage, "The database address names no login: postgresql://LOGIN@host/database.")
        }
        let host = query["host"] ?? parts.host ?? ""
        let database = String(parts.path.dropFirst())
        self.init(
            host: host.isEmpty ? "localhost" : host, port: parts.port ?? query["port"].flatMap { Int($0) } ?? 5432,
            database: database.isEmpty ? login : database, login: login, password: parts.password)
        if let mode = query["sslmode"] { sslMode = mode }
    }

    /// Another server and password, the rest as it is.
    public func at(url: String) throws(PostgresError) -> PostgresConfiguration {
        let other = try PostgresConfiguration(url: url)
        var copy = self
        (copy.host, copy.port, copy.password, copy.sslMode) = (other.host, other.port, other.password, other.sslMode)
        return copy
    }

    /// The same server and limits, another database or login.
    public func with(database: String? = nil, login: String? = nil, password: String? = nil) -> PostgresConfiguration {
        var copy = self
        if let database { copy.database = database }
        if let login { copy.login = login }
        if let password { copy.password = password }
        return copy
    }

    /// libpq's keywords for a connection of `login`.
    func parameters(login: String) -> [(keyword: String, value: String)] {
        let settings = [
            "search_path=pg_catalog", "statement_timeout=\(statementTimeout.milliseconds)",
            "lock_timeout=\(lockTimeout.milliseconds)",
            "idle_in_transaction_session_timeout=\(idleInTransactionTimeout.milliseconds)", "timezone=UTC",
            "client_min_messages=warning",
            // For requests that read a few rows both cost more than they bring: the planner takes an array's unique
            // elements for frequent ones, and starting two workers for a look at an index took 20 ms. A tenant also
            // gets one processor for a statement, not all.
            "max_parallel_workers_per_gather=0", "jit=off",
        ]
        var parameters = [
            ("host", host), ("port", String(port)), ("dbname", database), ("user", login), ("sslmode", sslMode),
            ("gssencmode", "disable"), ("client_encoding", "UTF8"), ("application_name", applicationName),
            ("options", settings.map { "-c \($0)" }.joined(separator: " ")), ("keepalives_idle", "30"),
            ("tcp_user_timeout", "30000"),
        ]
        if let password { parameters.append(("password", password)) }
        return parameters
    }
}

extension Duration {
    /// Whole milliseconds, at least 1 unless zero: what PostgreSQL's settings count in (0 switches them off).
    var milliseconds: Int64 {
        let whole = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        return self > .zero ? max(1, whole) : 0
    }
}

/// Whose rights a transaction has: a role, and the login that may take it.
public struct DatabaseRole: Sendable, Hashable, ExpressibleByStringLiteral {
    public let name: String
    /// `nil`: the configuration's.
    public let login: String?

    public init(_ name: String, login: String? = nil) {
        self.name = name
        self.login = login
    }

    public init(stringLiteral name: String) { self.init(name) }
}
