import JSON
import Postgres
import Values

/// Something that is not as a tenant's fence demands, or that lies where it must not.
public struct IsolationFinding: Sendable, Hashable {
    /// Nil when it concerns every tenant.
    public let tenant: TenantID?
    /// What was looked at: `grants`, `roles`, `canary`, …
    public let check: String
    public let detail: String

    public init(_ tenant: TenantID?, _ check: String, _ detail: String) {
        (self.tenant, self.check, self.detail) = (tenant, check, detail)
    }
}

extension TenantProvisioner {
    /// Looks at every schema, table and function as their owner; writes nothing.
    public func inspect<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        let options = TransactionOptions(
            isolation: .repeatableRead, readOnly: true, statementTimeout: .seconds(300), lockTimeout: .seconds(10))
        return try await tenants.database.withTransaction(role: login, options: options, body)
    }

    /// What the catalogues say of the fences that is not as they were made: roles, memberships, owners, grants,
    /// functions, `search_path`.
    public func inspectFences() async throws -> [IsolationFinding] {
        try await inspect { [roles] transaction in
            let results = try await transaction.pipeline(FenceInspection.statements(roles))
            return try zip(FenceInspection.names, results).flatMap { name, rows in
                try rows.map { row in
                    let tenant = try row.get(0, as: String?.self).flatMap { TenantID($0) }
                    return IsolationFinding(tenant, name, try row.get(1))
                }
            }
        }
    }
}

/// The questions to the catalogues; each answers rows of (tenant, what is wrong), none when all is well.
enum FenceInspection {
    static let names = [
        "roles", "memberships", "owners", "grants", "shared grants", "functions", "settings", "schemas",
    ]

    static func statements(_ roles: RoleNames) -> [SQL] {
        let prefix = roles.tenantPrefix
        return [
            attributes(roles, prefix), memberships(roles, prefix), owners(roles), grants(roles, prefix),
            sharedGrants(roles, prefix), functions, settings, schemas,
        ]
    }

    /// Tenants' roles have no rights of their own over the cluster, logins inherit none.
    private static func attributes(_ roles: RoleNames, _ prefix: String) -> SQL {
        """
        select substring(rolname from '_t_([a-z2-7]{16})$'), 'role ' || rolname || case
            when rolname = \(roles.provisionLogin) and rolcreaterole and not (rolsuper or rolcreatedb or rolreplication
                or rolbypassrls or rolinherit)
            then ' may make roles: run guanxi migrate --contract when no earlier release runs any more'
            else ' has rights over the cluster' end
        from pg_roles
        where starts_with(rolname, \(roles.database + "_")) and (rolsuper or rolcreatedb or rolreplication
            or rolbypassrls or rolcreaterole or rolcanlogin and (rolinherit or starts_with(rolname, \(prefix))))
        """
    }

    /// Only the tenant's own login and the consumer may take its role, which itself is in no other than `tenants`.
    private static func memberships(_ roles: RoleNames, _ prefix: String) -> SQL {
        """
        select substring(m.rolname || ' ' || r.rolname from '_t_([a-z2-7]{16})'), m.rolname || ' may take ' || r.rolname
        from pg_auth_members g join pg_roles r on r.oid = g.roleid join pg_roles m on m.oid = g.member
        left join shared.tenants t on r.rolname = \(prefix) || t.id
        where starts_with(r.rolname, \(prefix))
                and m.rolname not in (\(roles.consumerLogin), \(roles.appPrefix) || t.login)
            or starts_with(m.rolname, \(prefix)) and r.rolname <> \(roles.tenants)
        """
    }

    private static func owners(_ roles: RoleNames) -> SQL {
        """
        select substring(n.nspname from '^t_([a-z2-7]{16})$'), what || ' belongs to ' || r.rolname
        from (
            select oid as namespace, nspowner as owner, 'schema ' || nspname as what from pg_namespace
            union all
            select relnamespace, relowner, relname from pg_class where relkind in ('r', 'p', 'v', 'm', 'S')
            union all
            select pronamespace, proowner, proname from pg_proc
        ) as o
        join pg_namespace n on n.oid = o.namespace join pg_roles r on r.oid = o.owner
        where n.nspname ~ '^t_[a-z2-7]{16}$' and r.rolname <> \(roles.owner)
        """
    }

    /// In a tenant's schema nobody has a right but the owner and the tenant.
    private static func grants(_ roles: RoleNames, _ prefix: String) -> SQL {
        """
        select substring(n.nspname from '^t_([a-z2-7]{16})$'),
            coalesce(r.rolname, 'everybody') || ' may ' || a.privilege_type || ' on ' || o.what
        from (
            select oid as namespace, nspacl as acl, nspname as what from pg_namespace
            union all
            select relnamespace, relacl, relname from pg_class
            union all
            select c.relnamespace, a.attacl, c.relname || '.' || a.attname
            from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attacl is not null
            union all
            select pronamespace, coalesce(proacl, acldefault('f', proowner)), proname from pg_proc
        ) as o
        join pg_namespace n on n.oid = o.namespace
        cross join aclexplode(o.acl) as a left join pg_roles r on r.oid = a.grantee
        where n.nspname ~ '^t_[a-z2-7]{16}$'
            and coalesce(r.rolname, '') not in (\(roles.owner), \(prefix) || substring(n.nspname from 3))
        """
    }

    /// Of what is shared a tenant may only add rows, and only in columns that cannot name another.
    private static func sharedGrants(_ roles: RoleNames, _ prefix: String) -> SQL {
        """
        select substring(r.rolname from '_t_([a-z2-7]{16})$'),
            coalesce(r.rolname, 'everybody') || ' may ' || a.privilege_type || ' on ' || n.nspname || '.' || o.what
        from (
            select relnamespace as namespace, relacl as acl, relname::text as what, false as is_column from pg_class
            where relkind in ('r', 'p', 'v', 'm', 'S')
            union all
            select c.relnamespace, t.attacl, c.relname || '.' || t.attname, true
            from pg_attribute t join pg_class c on c.oid = t.attrelid where t.attacl is not null
        ) as o
        join pg_namespace n on n.oid = o.namespace
        cross join aclexplode(o.acl) as a left join pg_roles r on r.oid = a.grantee
        where n.nspname in ('shared', 'public', 'pg_catalog', 'information_schema')
            and (a.grantee = 0 and n.nspname <> 'information_schema' or r.rolname = \(roles.tenants)
                or starts_with(r.rolname, \(prefix)))
            and not (n.nspname = 'shared' and o.is_column and a.privilege_type = 'INSERT'
                and o.what !~ '\\.(id|tenant|txid|slot|bucket|epoch)$')
        """
    }

    /// Functions that change the role, wait, or tell are closed; those that run as their owner name what they mean.
    private static var functions: SQL {
        """
        select null::text, what from (
            select proname || ' is open to everybody' as what
            from pg_proc cross join aclexplode(coalesce(proacl, acldefault('f', proowner))) as a
            where pronamespace = 'pg_catalog'::regnamespace and a.grantee = 0 and prokind = 'f'
                and proname ~ \(raw: SQL.literal(Fences.dangerous))
            union all
            select proname || ' runs as its owner without a search_path of its own'
            from pg_proc join pg_namespace n on n.oid = pronamespace
            where n.nspname <> 'pg_catalog' and prosecdef
                and not coalesce(array_to_string(proconfig, ',') ~ 'search_path=pg_catalog', false)
        ) as f
        """
    }

    private static var settings: SQL {
        """
        select null::text, 'search_path is ' || current_setting('search_path')
        where current_setting('search_path') <> 'pg_catalog'
        """
    }

    /// Each tenant has its schema, and there is no other's.
    private static var schemas: SQL {
        """
        select coalesce(t.id, substring(n.nspname from 3)),
            case when t.id is null then 'a schema without a tenant' else 'a tenant without a schema' end
        from (select id from shared.tenants where server = '') as t
        full join (select nspname from pg_namespace where nspname ~ '^t_[a-z2-7]{16}$') as n on n.nspname = 't_' || t.id
        where t.id is null or n.nspname is null
        """
    }
}
