import Postgres
import Runtime
import Values

/// A service's database, entered as one of its tenants.
///
/// Every transaction takes the tenant's role; every name in it is qualified (`\(tx.schema).lead`).
///
/// Tenants may be on several PostgreSQL servers, each with a database of the same name. The one that has the directory
/// is at home; whatever is shared (outbox, inbox, work that waits) is on each server for the tenants there, and reached
/// through ``everywhere``.
public struct TenantDatabase: Sendable {
    /// What is shared is read here: the database on ``server``.
    public let database: PostgresDatabase
    /// Empty at home.
    public let server: String
    public let roles: RoleNames
    public let directory: TenantDirectory
    /// By name, the one at home under the empty one.
    private let servers: [String: PostgresDatabase]

    /// - Parameters:
    ///   - database: at home. Its configuration's login is not used; each role brings its own.
    ///   - others: the databases on other servers, by the servers' names.
    public init(database: PostgresDatabase, others: [String: PostgresDatabase] = [:]) {
        self.init(
            database: database, server: "", directory: TenantDirectory(database: database),
            servers: others.merging(["": database]) { $1 })
    }

    private init(
        database: PostgresDatabase, server: String, directory: TenantDirectory, servers: [String: PostgresDatabase]
    ) {
        (self.database, self.server, self.directory, self.servers) = (database, server, directory, servers)
        roles = RoleNames(database: database.configuration.database)
    }

    public var isHome: Bool { server.isEmpty }
    /// What operators call the server.
    public var place: String { isHome ? Self.home : server }
    /// No other server is called so.
    public static let home = "home"

    /// This database on each server, home first.
    public var everywhere: [TenantDatabase] { servers.sorted { $0.key < $1.key }.map { on($0.value, $0.key) } }

    /// This database on a server.
    public func on(_ server: String) throws(TenancyError) -> TenantDatabase {
        guard let database = servers[server] else { throw .unknownServer(server) }
        return on(database, server)
    }

    private func database(of tenant: Tenant) throws(TenancyError) -> PostgresDatabase {
        guard let database = servers[tenant.server] else { throw .unknownServer(tenant.server) }
        return database
    }

    private func on(_ database: PostgresDatabase, _ server: String) -> TenantDatabase {
        TenantDatabase(database: database, server: server, directory: directory, servers: servers)
    }

    /// Closes the connections to every server.
    public func close() async {
        for database in servers.values { await database.close() }
    }

    /// Runs `body` in a transaction that cannot write.
    public func read<Value: Sendable>(
        _ tenant: TenantID, _ body: @escaping @Sendable (TenantTransaction) async throws -> Value
    ) async throws -> Value {
        try await withTransaction(tenant, options: .read, body)
    }

    /// Runs `body` in a transaction; may run it again when it meets another one.
    public func write<Value: Sendable>(
        _ tenant: TenantID, _ body: @escaping @Sendable (TenantTransaction) async throws -> Value
    ) async throws -> Value {
        try await withTransaction(tenant, options: .write, body)
    }

    public func withTransaction<Value: Sendable>(
        _ tenant: TenantID, options: TransactionOptions,
        _ body: @escaping @Sendable (TenantTransaction) async throws -> Value
    ) async throws -> Value {
        try await following(tenant) { tenant, database in
            try await database.withTransaction(role: role(of: tenant), options: options) { transaction in
                try await body(TenantTransaction(tenant: tenant, transaction: transaction))
            }
        }
    }

    /// The statements in one transaction and one round trip. See ``PostgresDatabase/flight(role:_:options:)``.
    public func flight(
        _ tenant: TenantID, _ statements: [SQL], options: TransactionOptions = .write
    ) async throws -> [Rows] {
        try await following(tenant) { tenant, database in
            try await database.flight(role: role(of: tenant), statements, options: options)
        }
    }

    /// One statement that reads.
    public func query(_ tenant: TenantID, _ sql: SQL) async throws -> Rows {
        try await flight(tenant, [sql], options: .read)[0]
    }

    /// One statement that reads by a key, sent with others. See ``PostgresDatabase/look(_:role:)``.
    public func look(_ tenant: TenantID, _ sql: SQL) async throws -> Rows {
        try await following(tenant) { try await $1.look(sql, role: role(of: $0)) }
    }

    // MARK: - Tenants that move

    /// How long a request waits for a tenant that is between two servers.
    private static let patience = Duration.seconds(2)

    /// Does something at the tenant's server. What is refused because the tenant left since the directory was read is
    /// done at the new one: a tenant that leaves is closed to everybody before it opens there.
    private func following<Value: Sendable>(
        _ id: TenantID, _ body: (Tenant, PostgresDatabase) async throws -> Value
    ) async throws -> Value {
        var tenant = try await directory.active(id)
        let deadline = ContinuousClock.now + Self.patience
        var wasRefused = false
        while true {
            do {
                return try await body(tenant, database(of: tenant))
            } catch let error as PostgresError where servers.count > 1 && error.isClosedDoor {
                let old = tenant.server
                while try await !lives(tenant) {
                    guard .now < deadline else { throw TenancyError.moving(id) }
                    try await directory.refresh()
                    tenant = try await directory.active(id)
                    if tenant.server == old { try await Task.sleep(for: .milliseconds(10)) }
                }
                // Once more where it was, too: it may have opened meanwhile.
                guard tenant.server != old || !wasRefused else { throw error }
                wasRefused = true
            }
        }
    }

    /// Whether the tenant's server says itself that it has the tenant.
    private func lives(_ tenant: Tenant) async throws -> Bool {
        let rows = try await database(of: tenant).query(
            "select server = '' from shared.tenants where id = \(tenant.id.text)", role: serviceRole)
        return try rows.first?.get(0) ?? false
    }

    /// A transaction on what all tenants share, with the service's rights.
    public func shared<Value: Sendable>(
        options: TransactionOptions = .write,
        _ body: @escaping @Sendable (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        try await database.withTransaction(role: serviceRole, options: options, body)
    }

    /// A consumer's transaction over any tenants. Begins with the consumer's own role.
    public func consume<Value: Sendable>(
        options: TransactionOptions = .write, _ body: @escaping @Sendable (ConsumerTransaction) async throws -> Value
    ) async throws -> Value {
        let role = DatabaseRole(roles.events, login: roles.consumerLogin)
        return try await database.withTransaction(role: role, options: options) { [roles] transaction in
            try await body(ConsumerTransaction(transaction: transaction, roles: roles))
        }
    }

    /// Of requests on a tenant's data.
    public func role(of tenant: Tenant) -> DatabaseRole {
        DatabaseRole(roles.tenant(tenant.id), login: roles.appLogin(tenant.loginNumber))
    }

    /// Of requests on shared data.
    public var serviceRole: DatabaseRole { DatabaseRole(roles.service, login: roles.appLogin(1)) }

    /// Of the outbox's relay.
    public var outboxRole: DatabaseRole { DatabaseRole(roles.outbox, login: roles.relayLogin) }
}

extension TenantDatabase {
    /// Which of the tenants are not on this server: what a consumer leaves to another one. It is asked in the transaction
    /// of their events, so that each event of a tenant that moves is done on one side.
    public func absent(_ tenants: [String]) -> SQL {
        isHome
            ? "select id from shared.tenants where id = any(\(tenants)) and server <> ''"
            : """
            select n.id from unnest(\(tenants)) as n(id)
            where not exists (select from shared.tenants t where t.id = n.id and t.server = '')
            """
    }

    /// Checks at a service's start that the database is ready for this program. Another server that is away is felt by its
    /// tenants alone.
    ///
    /// - Parameters:
    ///   - sets: the migrations the program was made with; the database may have later ones, not fewer.
    ///   - services: how many programs like this one share the server.
    /// - Returns: the other servers that did not answer.
    /// - Throws: ``TenancyError/notPrepared(database:reason:)``, or ``PostgresError`` when the server or the database is
    ///   not there.
    @discardableResult
    public func verify(sets: [MigrationSet], services: Int = 5) async throws -> [String] {
        var away: [String] = []
        for place in everywhere {
            do { try await place.verifyHere(sets, services) } catch let error as PostgresError
                where !place.isHome && error.isUnavailable
            { away.append(place.server) }
        }
        return away
    }

    private func verifyHere(_ sets: [MigrationSet], _ services: Int) async throws {
        let results = try await database.flight(
            role: serviceRole,
            [
                "select set, max(number) as number from shared.migrations group by set",
                "select current_setting('max_connections')::int as limit",
            ], options: .read)
        var reached: [String: Int] = [:]
        for row in results[0] { reached[try row.get("set")] = try row.get("number") }
        for set in sets where reached[set.name] ?? 0 < set.shared.count {
            throw TenancyError.notPrepared(
                database: roles.database + (isHome ? "" : " on \(server)"),
                reason: "migrations of \(set.name) are missing")
        }
        let limit: Int = try results[1].single().get("limit")
        let needed = database.group.loops.count * database.configuration.connectionsPerLoop * services
        guard needed <= limit - 10 else {
            throw TenancyError.tooManyConnections(needed: needed, limit: limit)
        }
    }
}

extension PostgresError {
    /// What one meets where a tenant was: its schema is closed, or gone with its role.
    fileprivate var isClosedDoor: Bool {
        [SQLState.insufficientPrivilege, SQLState.undefinedTable, SQLState.undefinedSchema, SQLState.invalidParameter]
            .contains(sqlState)
    }
}
