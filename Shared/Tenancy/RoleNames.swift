import Postgres
import Values

/// The names of a service database's roles. Roles belong to the whole cluster, so each carries its database.
///
/// Roles that cannot log in have the rights; logins have none (`NOINHERIT`) and take a role in each transaction, so
/// that a forgotten role fails closed.
public struct RoleNames: Sendable, Hashable {
    public let database: String

    public init(database: String) { self.database = database }

    /// Owns every schema, table and function; migrations run as it.
    public var owner: String { "\(database)_owner" }
    /// Every tenant's role is in it: what tenants may do in `shared` (write to the outbox).
    public var tenants: String { "\(database)_tenants" }
    /// The service's own work in `shared`: the directory, and what its migrations grant it.
    public var service: String { "\(database)_service" }
    /// A consumer's own tables: inbox, offsets, dead letters.
    public var events: String { "\(database)_events" }
    /// The relay's: reads the outbox, keeps its cursor.
    public var outbox: String { "\(database)_outbox" }

    public func tenant(_ id: TenantID) -> String { tenantPrefix + id.text }
    /// What every tenant's role begins with.
    var tenantPrefix: String { "\(database)_t_" }

    /// Logins of requests, one per 500 tenants: after a grant, taking a role costs the more the more a login may take.
    public func appLogin(_ number: Int) -> String { "\(appPrefix)\(number)" }
    var appPrefix: String { "\(database)_app_" }
    /// May take every tenant's role, `events` and `service`: a batch of events touches many tenants in one transaction.
    public var consumerLogin: String { "\(database)_consumer" }
    public var relayLogin: String { "\(database)_relay" }
    /// Makes tenants and migrates them.
    public var provisionLogin: String { "\(database)_provision" }

    static let tenantsPerLogin = 500

    /// What stands for `{{…}}` in migrations.
    var placeholders: [String: String] {
        [
            "database": SQL.quoted(database), "owner_role": SQL.quoted(owner), "tenants_role": SQL.quoted(tenants),
            "service_role": SQL.quoted(service), "events_role": SQL.quoted(events),
            "outbox_role": SQL.quoted(outbox),
        ]
    }
}
