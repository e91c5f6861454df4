import Postgres
import Values

// A tenant that goes to another server has its schema there before it lives there: closed to its role, and with an
// entry that names another server, so that consumers leave it alone.

extension TenantProvisioner {
    /// Makes role, schema and tables of a tenant that lives on another server.
    public func stage(_ tenant: Tenant, from source: TenantDatabase) async throws {
        try await tenants.database.withTransaction(role: login, options: Self.options) { transaction in
            let results = try await transaction.pipeline([Self.turn, Self.loginCounts])
            let choice = try Self.chooseLogin(results[1])
            var statements = try schema(of: tenant.id, choice)
            statements.append(doors("revoke", of: tenant.id))
            if !tenants.isHome {
                let away = tenant.definition.away
                statements.append(
                    """
                    insert into shared.tenants
                        (id, slug, name, time_zone, currency, industry, settings, schema_version, login, server)
                    values (\(away.id.text), \(away.slug), \(away.name), \(away.timeZone), \(away.currency),
                        \(away.industry), \(away.settings), \(currentVersion), \(choice.number)::int, \(source.place))
                    """)
            }
            _ = try await transaction.commit(after: statements)
        }
    }

    /// Whether the tenant's schema there has had just the migrations of this program.
    public func isCurrent(_ tenant: TenantID, on transaction: PostgresTransaction) async throws -> Bool {
        let rows = try await transaction.query(
            "select schema_version = \(currentVersion) from shared.tenants where id = \(tenant.text)")
        return try rows.first?.get(0) ?? false
    }

    /// What closes the tenant's schema to its role; every statement that comes later is refused, also one that waits
    /// for a lock now.
    public func closing(_ tenant: TenantID) -> SQL { doors("revoke", of: tenant) }

    public func opening(_ tenant: TenantID) -> SQL { doors("grant", of: tenant) }

    private func doors(_ verb: String, of tenant: TenantID) -> SQL {
        let link = verb == "grant" ? "to" : "from"
        return SQL(raw: "\(verb) usage on schema \(tenant.schema) \(link) \(SQL.quoted(roles.tenant(tenant)))")
            .unprepared()
    }

    /// Which login may take the tenant's role on this server.
    public func loginNumber(of tenant: TenantID, on transaction: PostgresTransaction) async throws -> Int {
        let rows = try await transaction.query(
            """
            select substring(m.rolname from '[0-9]+$')::int from pg_auth_members g
            join pg_roles r on r.oid = g.roleid join pg_roles m on m.oid = g.member
            where r.rolname = \(roles.tenant(tenant)) and starts_with(m.rolname, \(roles.appPrefix))
            """)
        return try rows.single().get(0)
    }

    /// Removes schema, role and entry of a tenant that lives on another server.
    public func clear(_ tenant: TenantID) async throws {
        try await tenants.database.withTransaction(role: login, options: Self.options) { transaction in
            let entry = try await transaction.pipeline([
                Self.turn, "select server from shared.tenants where id = \(tenant.text)",
            ])[1]
            if let row = entry.first, try row.get(0, as: String.self).isEmpty {
                throw PostgresError.unexpected(
                    "the tenant \(tenant) lives on \(tenants.place): it is not removed there")
            }
            var statements: [SQL] = [
                SQL(raw: "drop schema if exists \(tenant.schema) cascade").unprepared(),
                "delete from shared.canaries where tenant = \(tenant.text)",
            ]
            if !tenants.isHome { statements.append("delete from shared.tenants where id = \(tenant.text)") }
            statements.append(RoleMaking.dropTenantRole(tenant))
            _ = try await transaction.commit(after: statements)
        }
    }
}
