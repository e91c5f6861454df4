import JSON
import Postgres
import Runtime
import Values

/// Makes, changes and removes tenants in a service's database, through the provisioning login.
public struct TenantProvisioner: Sendable {
    let tenants: TenantDatabase
    let sets: [MigrationSet]

    /// - Parameter sets: those whose tenant migrations a tenant's schema consists of.
    public init(_ tenants: TenantDatabase, sets: [MigrationSet]) {
        self.tenants = tenants
        self.sets = sets
    }

    var roles: RoleNames { tenants.roles }
    var login: DatabaseRole { DatabaseRole(roles.owner, login: roles.provisionLogin) }

    /// Whether it knows migrations by this name.
    public func has(_ set: String) -> Bool { sets.contains { $0.name == set } }

    /// What a schema that has had every migration has.
    var currentVersion: JSON {
        let versions = sets.filter { !$0.tenant.isEmpty }.map { ($0.name, JSON.int(Int64($0.tenant.count))) }
        return .object(JSONObject(versions))
    }

    private static let lock: Int64 = 0x6775_616e_7869_0002

    /// Lets makings and removals of tenants go one after the other.
    static let turn: SQL = "select pg_advisory_xact_lock(\(lock))"
    static let loginCounts: SQL = "select login, count(*) from shared.tenants where server = '' group by login"

    // MARK: Making

    /// Makes the tenant's role, schema and tables in one transaction. One that is there already is answered as it is.
    ///
    /// - Throws: ``TenancyError/slugTaken(_:)``.
    @discardableResult
    public func provision(_ description: TenantDescription) async throws -> Tenant {
        try await provision(description, and: [])
    }

    /// - Parameter additions: statements at the end of the transaction that makes it.
    func provision(_ description: TenantDescription, and additions: [SQL]) async throws -> Tenant {
        let tenant = try await tenants.database.withTransaction(role: login, options: Self.options) { transaction in
            // One after the other: each chooses the login with the fewest tenants.
            let results = try await transaction.pipeline([
                Self.turn, "\(Tenant.select) where id = \(description.id.text)", Self.loginCounts,
                "select from shared.departed_tenants where id = \(description.id.text)",
            ])
            if let existing = results[1].first { return try Tenant(existing) }
            // A word that was under way when it was deleted does not make it anew. Away it may have been, and come again.
            guard !tenants.isHome || results[3].isEmpty else { throw TenancyError.unknown(description.id) }
            let choice = try Self.chooseLogin(results[2])
            let statements = try create(description, choice)
            do {
                let results = try await transaction.commit(after: statements + additions)
                return try Tenant(try results[statements.count - 1].single())
            } catch let error as PostgresError where error.constraint == "tenants_slug_key" {
                throw TenancyError.slugTaken(description.slug)
            }
        }
        try await tenants.directory.refresh()
        return tenant
    }

    static let options = TransactionOptions(statementTimeout: .seconds(60), lockTimeout: .seconds(10))

    struct LoginChoice: Equatable {
        let number: Int
        let isNew: Bool
    }

    static func chooseLogin(_ counts: Rows) throws -> LoginChoice {
        chooseLogin(try counts.map { (number: try $0.get(0), tenants: try $0.get(1)) })
    }

    /// The first login with room, or the next new one.
    static func chooseLogin(_ counts: [(number: Int, tenants: Int)]) -> LoginChoice {
        let known = Set(counts.map(\.number)).union([1])
        let full = Set(counts.filter { $0.tenants >= RoleNames.tenantsPerLogin }.map(\.number))
        if let number = known.subtracting(full).min() { return LoginChoice(number: number, isNew: false) }
        return LoginChoice(number: (known.max() ?? 0) + 1, isNew: true)
    }

    private func create(_ description: TenantDescription, _ choice: LoginChoice) throws -> [SQL] {
        try schema(of: description.id, choice) + [
            """
            insert into shared.tenants
                (id, slug, name, time_zone, currency, industry, settings, schema_version, login)
            values (\(description.id.text), \(description.slug), \(description.name), \(description.timeZone),
                \(description.currency), \(description.industry), \(description.settings), \(currentVersion),
                \(choice.number)::int)
            returning id, slug, name, status, time_zone, currency, industry, created_at, settings, login,
                server
            """
        ]
    }

    /// What makes role, schema and tables.
    func schema(of tenant: TenantID, _ choice: LoginChoice) throws -> [SQL] {
        let tenantRole = SQL.quoted(roles.tenant(tenant))
        let schema = tenant.schema
        var statements: [SQL] = []
        if choice.isNew {
            statements.append(
                RoleMaking.makeLogin(choice.number, password: tenants.database.configuration.password))
        }
        statements.append(RoleMaking.makeTenantRole(tenant, login: choice.number))
        statements += [
            "create schema \(schema)", "grant usage on schema \(schema) to \(tenantRole)",
            "alter default privileges in schema \(schema) grant select, insert, update, delete on tables to \(tenantRole)",
            "alter default privileges in schema \(schema) grant usage on sequences to \(tenantRole)",
            "alter default privileges in schema \(schema) grant execute on functions to \(tenantRole)",
        ].map { SQL(raw: $0).unprepared() }
        for set in sets {
            for migration in set.tenant { statements += try migration.statements(placeholders(tenant)) }
        }
        return statements
    }

    func placeholders(_ tenant: TenantID) -> [String: String] {
        roles.placeholders.merging(["schema": tenant.schema, "role": SQL.quoted(roles.tenant(tenant))]) { $1 }
    }

    // MARK: Changing

    /// Refuses the tenant's requests from now on here, and within a second in other processes.
    public func suspend(_ tenant: TenantID) async throws { try await set(status: .suspended, of: tenant) }

    public func resume(_ tenant: TenantID) async throws { try await set(status: .active, of: tenant) }

    private func set(status: Tenant.Status, of tenant: TenantID) async throws {
        try await change(tenant, "update shared.tenants set status = \(status.rawValue) where id = \(tenant.text)")
    }

    /// Takes over name, slug, time zone, currency, industry and settings.
    public func update(_ description: TenantDescription) async throws {
        let server = try await place(of: description.id)
        if let server, !server.isEmpty { try await on(server).update(description.away) }
        do {
            try await change(
                description.id,
                """
                update shared.tenants set slug = \(description.slug), name = \(description.name),
                    time_zone = \(description.timeZone), currency = \(description.currency),
                    industry = \(description.industry), settings = \(description.settings)
                where id = \(description.id.text)
                """)
        } catch let error as PostgresError where error.constraint == "tenants_slug_key" {
            throw TenancyError.slugTaken(description.slug)
        }
    }

    private func change(_ tenant: TenantID, _ statement: SQL) async throws {
        let rows = try await tenants.database.query(statement, role: login)
        try await tenants.directory.refresh()
        guard rows.affected == 1 else { throw TenancyError.unknown(tenant) }
    }

    /// Removes the tenant's schema with everything in it, its role and its entry. One that is not there is no error.
    public func drop(_ tenant: TenantID) async throws {
        // The entry at home goes last: until then it says where the rest is. Without one the making was cut off.
        let server = try await place(of: tenant)
        var places = tenants.everywhere.map(\.server).filter { !$0.isEmpty && (server ?? $0) == $0 }
        // Where it was going when its move was cut off.
        for place in places + [""] { places += try await on(place).destinations(of: tenant) }
        for place in places { try await on(place).dropHere(tenant) }
        try await dropHere(tenant)
        try await tenants.directory.refresh()
    }

    /// What notes the writes to a tenant that moves.
    public static func movingTrigger(_ tenant: TenantID) -> String { "zz_moving_\(tenant.text)" }

    private func destinations(of tenant: TenantID) async throws -> [String] {
        try await tenants.database.query(
            "select target from shared.moves where tenant = \(tenant.text) and target <> \(TenantDatabase.home)",
            role: login
        ).map { try $0.get(0) }
    }

    private func dropHere(_ tenant: TenantID) async throws {
        try await tenants.database.withTransaction(role: login, options: Self.options) { transaction in
            let results = try await transaction.pipeline([
                Self.turn, "select to_regnamespace(\("\(tenant.schema)")) is not null",
                "delete from shared.moves where tenant = \(tenant.text)",
            ])
            let isHere: Bool = try results[1].single().get(0)
            var statements: [SQL] = []
            if results[2].affected > 0 {
                let trigger = SQL.quoted(Self.movingTrigger(tenant))
                statements.append(SQL(raw: "drop trigger if exists \(trigger) on shared.inbox_sequence").unprepared())
            }
            if isHere {
                statements.append(SQL(raw: "drop schema \(tenant.schema) cascade").unprepared())
                statements.append(RoleMaking.dropTenantRole(tenant))
            }
            // In the order of consumers, who take a tenant's tables first and what they share last.
            statements += [
                "delete from shared.tenants where id = \(tenant.text)",
                "delete from shared.moved_rows where tenant = \(tenant.text)",
            ]
            _ = try await transaction.pipeline(statements)
        }
    }
}
