import Postgres
import Runtime
import Values

/// A service's database, entered as one of its tenants.
///
/// Every transaction takes the tenant's role; every name in it is qualified (`\(tx.schema).lead`).
public struct TenantDatabase: Sendable {
    public let database: PostgresDatabase
    public let roles: RoleNames
    public let directory: TenantDirectory

    /// - Parameter database: its configuration's login is not used; each role brings its own.
    public init(database: PostgresDatabase) {
        self.database = database
        roles = RoleNames(database: database.configuration.database)
        directory = TenantDirectory(database: database)
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
        let tenant = try await directory.active(tenant)
        return try await database.withTransaction(role: role(of: tenant), options: options) { transaction in
            try await body(TenantTransaction(tenant: tenant, transaction: transaction))
        }
    }

    /// The statements in one transaction and one round trip. See ``PostgresDatabase/flight(role:_:options:)``.
    public func flight(
        _ tenant: TenantID, _ statements: [SQL], options: TransactionOptions = .write
    ) async throws -> [Rows] {
        let tenant = try await directory.active(tenant)
        return try await database.flight(role: role(of: tenant), statements, options: options)
    }

    /// One statement that reads.
    public func query(_ tenant: TenantID, _ sql: SQL) async throws -> Rows {
        try await flight(tenant, [sql], options: .read)[0]
    }

    /// One statement that reads by a key, sent with others. See ``PostgresDatabase/look(_:role:)``.
    public func look(_ tenant: TenantID, _ sql: SQL) async throws -> Rows {
        let tenant = try await directory.active(tenant)
        return try await database.look(sql, role: role(of: tenant))
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
    /// Checks at a service's start that the database is ready for this program.
    ///
    /// - Parameters:
    ///   - sets: the migrations the program was made with; the database may have later ones, not fewer.
    ///   - services: how many programs like this one share the server.
    /// - Throws: ``TenancyError/notPrepared(database:reason:)``, or ``PostgresError`` when the server or the database is
    ///   not there.
    public func verify(sets: [MigrationSet], services: Int = 5) async throws {
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
                database: roles.database, reason: "migrations of \(set.name) are missing")
        }
        let limit: Int = try results[1].single().get("limit")
        let needed = database.group.loops.count * database.configuration.connectionsPerLoop * services
        guard needed <= limit - 10 else {
            throw TenancyError.tooManyConnections(needed: needed, limit: limit)
        }
    }
}
