import JSON
import Postgres
import Values

/// A tenant as each service's database knows it (`shared.tenants`).
public struct Tenant: Sendable, Hashable {
    public enum Status: String, Sendable, Hashable {
        case active, suspended
    }

    public let id: TenantID
    /// What people call it in addresses and commands; unique.
    public let slug: String
    public let name: String
    public let status: Status
    /// An IANA name, `Asia/Shanghai`.
    public let timeZone: String
    /// ISO 4217.
    public let currency: String
    public let industry: String
    public let createdAt: Timestamp
    public let settings: JSON
    /// Which of the service's logins its role is bucketed with.
    let loginNumber: Int
    /// The PostgreSQL server its schema is on; empty for the one that has the directory.
    public let server: String

    public var schema: SchemaName { SchemaName(id) }

    /// What it was made of.
    public var definition: TenantDescription {
        TenantDescription(
            id: id, slug: slug, name: name, timeZone: timeZone, currency: currency, industry: industry,
            settings: settings)
    }
}

/// What is needed to make a tenant.
public struct TenantDescription: Sendable, Hashable {
    public var id: TenantID
    public var slug: String
    public var name: String
    public var timeZone: String
    public var currency: String
    public var industry: String
    public var settings: JSON

    public init(
        id: TenantID = .make(), slug: String, name: String, timeZone: String = "Asia/Shanghai",
        currency: String = "CNY", industry: String = "general", settings: JSON = .object([:])
    ) {
        self.id = id
        self.slug = slug
        self.name = name
        self.timeZone = timeZone
        self.currency = currency
        self.industry = industry
        self.settings = settings
    }

    /// Whether people can type it to log in: 2 to 40 of a-z, 0-9 and hyphens.
    public static func isSlug(_ text: String) -> Bool {
        text.wholeMatch(of: /[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])/) != nil
    }
}

/// Why a tenant cannot be served.
public enum TenancyError: Error, Sendable, Hashable, CustomStringConvertible {
    case unknown(TenantID)
    case suspended(TenantID)
    /// Another tenant has the slug.
    case slugTaken(String)
    /// The database has not been prepared, or by another version of the program.
    case notPrepared(database: String, reason: String)
    /// The pools of all services could use up the server's connections.
    case tooManyConnections(needed: Int, limit: Int)
    /// The directory names a server that this program was not told of.
    case unknownServer(String)
    /// The tenant is on its way to another server, and not there yet.
    case moving(TenantID)

    public var description: String {
        switch self {
        case .unknown(let id): "There is no tenant \(id)."
        case .suspended(let id): "Tenant \(id) is suspended."
        case .slugTaken(let slug): "Another tenant has the short name \(slug); choose another."
        case .notPrepared(let database, let reason):
            "Database \(database) is not ready (\(reason)): run `guanxi migrate`."
        case .unknownServer(let name):
            "This program was not told of the PostgreSQL server \"\(name)\": name it in GUANXI_DATABASE_SERVERS."
        case .moving(let id): "Tenant \(id) is being moved to another server."
        case .tooManyConnections(let needed, let limit):
            "The services may open \(needed) connections, and PostgreSQL allows \(limit) less 10: raise its "
                + "max_connections, or lower the loops or the connections per loop."
        }
    }
}
