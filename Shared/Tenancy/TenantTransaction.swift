import Postgres

/// A transaction with the rights of one tenant's role.
public struct TenantTransaction: Sendable {
    public let tenant: Tenant
    public let transaction: PostgresTransaction

    /// Qualifies names: `\(tx.schema).lead`.
    public var schema: SchemaName { tenant.schema }

    @discardableResult
    public func query(_ sql: SQL) async throws -> Rows { try await transaction.query(sql) }

    @discardableResult
    public func execute(_ sql: SQL) async throws -> Int { try await transaction.execute(sql) }

    /// Several statements in one round trip.
    @discardableResult
    public func pipeline(_ statements: [SQL]) async throws -> [Rows] { try await transaction.pipeline(statements) }

    /// The last statements and the commit in one round trip.
    @discardableResult
    public func commit(after statements: [SQL]) async throws -> [Rows] {
        try await transaction.commit(after: statements)
    }
}

/// A transaction over several tenants, of a consumer: each tenant's effects under the tenant's role, the inbox under
/// the consumer's, committed together.
public struct ConsumerTransaction: Sendable {
    public let transaction: PostgresTransaction
    let roles: RoleNames

    /// Switches to the tenant's role: from here on statements have its rights and no others. `set local role` goes
    /// with the next statements and costs no round trip.
    public func tenant(_ tenant: Tenant) -> TenantTransaction {
        transaction.setRole(roles.tenant(tenant.id))
        return TenantTransaction(tenant: tenant, transaction: transaction)
    }

    /// Switches to the consumer's own role, for `shared.inbox` and its like.
    public func events() -> PostgresTransaction {
        transaction.setRole(roles.events)
        return transaction
    }
}
