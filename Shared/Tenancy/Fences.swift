import Postgres

/// What a role alone does not stop, closed in a service's database. Each line is tried by a test from a raw connection.
///
/// Privileges of PostgreSQL's own functions are not in a dump: bootstrap sets them again after a restore.
enum Fences {
    static func statements(_ roles: RoleNames) -> [SQL] {
        let database = SQL.quoted(roles.database)
        let insiders = [roles.owner, roles.service, roles.events, roles.outbox, roles.provisionLogin]
            .map(SQL.quoted).joined(separator: ", ")
        let owner = SQL.quoted(roles.owner)
        return SQLScript(
            """
            -- Nobody enters who is not let in; no temporary tables.
            revoke all on database \(database) from public;
            revoke all on schema public from public;
            revoke usage on schema information_schema from public;

            -- Catalogues name other tenants, and show their statistics and statements.
            revoke select on all tables in schema pg_catalog from public;
            grant select on pg_class, pg_namespace, pg_attribute, pg_constraint, pg_index, pg_inherits, pg_type,
                pg_proc, pg_roles, pg_auth_members, pg_database, pg_locks, pg_stat_activity to \(insiders);

            -- No functions and no DO blocks of a tenant's own.
            revoke usage on language plpgsql, sql from public;
            grant usage on language plpgsql, sql to \(owner);
            alter default privileges for role \(owner) revoke execute on functions from public;

            -- set_config can change the role within a SELECT; advisory locks are the relay's and the service's; the
            -- rest writes or tells across tenants.
            do $fence$
            declare
                closed regprocedure;
            begin
                for closed in
                    select oid::regprocedure from pg_proc
                    where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f'
                        and proname ~ '^(set_config|pg_(try_)?advisory_.*|pg_notify|lo_.*|loread|lowrite|.*_to_xml.*'
                            '|pg_stat_.*|pg_(cancel|terminate)_backend|pg_log_backend.*|pg_lock_status'
                            '|pg_prepared_.*|pg_cursor|pg_show_all_.*|pg_logical_.*|pg_export_snapshot'
                            '|pg_(database|tablespace|relation|table|indexes|total_relation)_size'
                            '|pg_get_(viewdef|functiondef|indexdef|constraintdef|triggerdef|ruledef|partkeydef'
                            '|statisticsobjdef.*|expr))$'
                loop
                    execute format('revoke execute on function %s from public', closed);
                    if closed::text ~ 'pg_(try_)?advisory_|pg_notify|pg_lock_status' then
                        execute format('grant execute on function %s to \(insiders)', closed);
                    end if;
                end loop;
            end
            $fence$;
            """
        ).statements
    }
}
