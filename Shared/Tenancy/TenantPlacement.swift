import Postgres
import Values

// A tenant on another server has its schema, its role and an entry there, as if that server were its home; the entry at
// home, which every reader of the directory sees, says where that is. The entry away is known by the tenant's id alone.

extension TenantProvisioner {
    /// Makes the tenant on one of the servers. One that is there already is answered as it is, wherever.
    ///
    /// - Throws: ``TenancyError/slugTaken(_:)``, ``TenancyError/unknownServer(_:)``.
    @discardableResult
    public func provision(_ description: TenantDescription, on server: String) async throws -> Tenant {
        guard !server.isEmpty else { return try await provision(description) }
        if let known = try await entry(description.id) { return known }
        // The schema first: what the directory names is there.
        let away = try await on(server).provision(description.away)
        do {
            try await tenants.database.query(
                """
                insert into shared.tenants
                    (id, slug, name, time_zone, currency, industry, settings, schema_version, login, server)
                values (\(description.id.text), \(description.slug), \(description.name), \(description.timeZone),
                    \(description.currency), \(description.industry), \(description.settings), '{}',
                    \(away.loginNumber)::int, \(server))
                on conflict (id) do nothing
                """, role: login)
        } catch let error as PostgresError where error.constraint == "tenants_slug_key" {
            try await on(server).drop(description.id)
            throw TenancyError.slugTaken(description.slug)
        }
        try await tenants.directory.refresh()
        guard let made = try await entry(description.id) else { throw TenancyError.unknown(description.id) }
        return made
    }

    /// Where the tenant is; nil when it is nowhere.
    func place(of tenant: TenantID) async throws -> String? { try await entry(tenant)?.server }

    /// This provisioner at another server.
    public func on(_ server: String) throws(TenancyError) -> TenantProvisioner {
        TenantProvisioner(try tenants.on(server), sets: sets)
    }

    private func entry(_ tenant: TenantID) async throws -> Tenant? {
        try await tenants.database.query("\(Tenant.select) where id = \(tenant.text)", role: login).first
            .map(Tenant.init)
    }
}

extension TenantDescription {
    /// As its entry on another server has it: short names are a matter of the directory.
    var away: TenantDescription {
        var copy = self
        copy.slug = id.text
        return copy
    }
}
