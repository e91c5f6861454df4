import Postgres
import Values

/// How the provisioning login makes and removes roles, which it may not itself: in PostgreSQL 15 whoever may make roles may
/// take nearly every role there is, those that run programs on the server among them. So there are functions of the
/// superuser's that make a tenant's role or a login, and nothing else.
enum RoleMaking {
    /// To be run as superuser, once there is the schema `shared`.
    static func functions(_ roles: RoleNames) -> [SQL] {
        let owner = SQL.quoted(roles.owner)
        let (tenant, app) = (SQL.literal(roles.tenantPrefix), SQL.literal(roles.appPrefix))
        let (tenants, service) = (SQL.literal(roles.tenants), SQL.literal(roles.service))
        return SQLScript(
            """
            create or replace function shared.make_tenant_role(tenant text, login int) returns void
            language plpgsql security definer set search_path = pg_catalog as $function$
            declare
                name text := \(tenant) || tenant;
            begin
                if (tenant ~ '^[a-z2-7]{16}$' and login > 0) is not true then
                    raise 'no tenant is called "%"', tenant using errcode = 'invalid_parameter_value';
                end if;
                execute format('create role %I nologin', name);
                execute format('grant %I to %I', \(tenants), name);
                execute format('grant %I to %I, %I', name, \(app) || login, \(SQL.literal(roles.consumerLogin)));
            end
            $function$;

            create or replace function shared.drop_tenant_role(tenant text) returns void
            language plpgsql security definer set search_path = pg_catalog as $function$
            begin
                if (tenant ~ '^[a-z2-7]{16}$') is not true then
                    raise 'no tenant is called "%"', tenant using errcode = 'invalid_parameter_value';
                end if;
                execute format('drop role if exists %I', \(tenant) || tenant);
            end
            $function$;

            create or replace function shared.make_app_login(number int, secret text) returns void
            language plpgsql security definer set search_path = pg_catalog as $function$
            declare
                name text := \(app) || number;
            begin
                if (number > 0) is not true then
                    raise 'no login has the number %', number using errcode = 'invalid_parameter_value';
                end if;
                execute format('create role %I login noinherit password %L', name, secret);
                execute format('grant %I to %I', \(service), name);
                execute format('grant connect on database %I to %I', \(SQL.literal(roles.database)), name);
            end
            $function$;

            revoke all on function shared.make_tenant_role, shared.drop_tenant_role, shared.make_app_login from public;
            grant execute on function shared.make_tenant_role, shared.drop_tenant_role, shared.make_app_login to \(owner);
            """
        ).statements
    }

    static func makeTenantRole(_ tenant: TenantID, login number: Int) -> SQL {
        "select shared.make_tenant_role(\(tenant.text), \(number)::int)"
    }

    static func dropTenantRole(_ tenant: TenantID) -> SQL { "select shared.drop_tenant_role(\(tenant.text))" }

    /// - Parameter password: without one it has none (trusted sockets).
    static func makeLogin(_ number: Int, password: String?) -> SQL {
        "select shared.make_app_login(\(number)::int, \(password))"
    }
}
