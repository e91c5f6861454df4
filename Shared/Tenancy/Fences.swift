import Postgres

/// What a role alone does not stop, closed in a service's database. Each line is tried by a test from a raw connection.
///
/// Privileges of PostgreSQL's own functions are not in a dump: bootstrap sets them again after a restore.
enum Fences {
    /// Functions of PostgreSQL that change the role, lock, wait, write or tell beyond a tenant.
    static let dangerous =
        "^(set_config|pg_(try_)?advisory_.*|pg_notify|lo_.*|loread|lowrite|.*_to_xml.*"
        + "|pg_stat_.*|pg_(cancel|terminate)_backend|pg_log_backend.*|pg_lock_status"
        + "|pg_prepared_.*|pg_cursor|pg_show_all_.*|pg_logical_.*|pg_export_snapshot|pg_sleep.*"
        + "|pg_(database|tablespace|relation|table|indexes|total_relation)_size"
        + "|pg_get_(viewdef|functiondef|indexdef|constraintdef|triggerdef|ruledef|partkeydef"
        + "|statisticsobjdef.*|expr)|binary_upgrade_.*|pg_(create|copy|drop)_.*_replication_slot"
        + "|pg_replication_slot_advance|ts_(stat|rewrite)|setseed)$"

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
            -- `pg_settings` can be updated, which is set_config by another name. (One look at pg_class, which is large
            -- where tenants are many; `all tables in schema` takes five and changes every row.)
            do $fence$
            declare
                open text;
            begin
                select string_agg(format('pg_catalog.%I', c.relname), ', ') into open
                from pg_class c
                where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind in ('r', 'v', 'm', 'f', 'p')
                    and (exists (select from aclexplode(c.relacl) where grantee = 0) or exists (
                        select from pg_attribute a cross join aclexplode(a.attacl) as x
                        where a.attrelid = c.oid and x.grantee = 0));
                if open is not null then
                    execute format('revoke all on %s from public', open);
                end if;
            end
            $fence$;
            grant select on pg_class, pg_namespace, pg_attribute, pg_constraint, pg_index, pg_inherits, pg_type,
                pg_proc, pg_roles, pg_auth_members, pg_database, pg_locks, pg_stat_activity to \(insiders);

            -- No functions and no DO blocks of a tenant's own.
            revoke usage on language plpgsql, sql from public;
            grant usage on language plpgsql, sql to \(owner);
            alter default privileges for role \(owner) revoke execute on functions from public;

            -- set_config can change the role within a SELECT; advisory locks are the relay's and the service's; the
            -- rest writes, waits or tells across tenants. Of functions that look beyond their arguments tenants have
            -- those named here, and those behind operators, types, casts, indexes and aggregates; a later PostgreSQL
            -- with new ones is closed before anybody has thought of them.
            do $fence$
            declare
                dangerous constant text := \(SQL.literal(dangerous));
                needed text := '^(RI_FKey_.*|age|array_to_(json|string)|clock_timestamp|concat(_ws)?'
                    '|convert(_from|_to)?|current_(schemas?|setting|user)|date_(part|trunc)|enum_.*|extract'
                    '|format|gen_random_uuid|generate_series|jsonb?_.*|length|make_timestamptz|nextval|now|overlaps'
                    '|pg_(collation_for|column_size|current_xact_id|typeof)|quote_(literal|nullable)|random'
                    '|row_to_json|session_user|statement_timestamp|timeofday|timestamptz|timezone'
                    '|to_(char|date|json|jsonb|number|timestamp)|transaction_timestamp|.*handler|tsvector_.*'
                    '|(suppress_redundant_updates|unique_key)_.*)$';
                insiders constant text := $names$\(insiders)$names$;
                closed text;
                lent text;
            begin
                with machinery(function) as (
                    select oprcode::oid from pg_operator
                    union select unnest(array[oprrest, oprjoin])::oid from pg_operator
                    union select unnest(array[typinput, typoutput, typreceive, typsend, typmodin, typmodout,
                        typanalyze, typsubscript])::oid
                        from pg_type where typnamespace = 'pg_catalog'::regnamespace
                    union select castfunc from pg_cast
                    union select amproc::oid from pg_amproc
                    union select unnest(array[aggfnoid, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn,
                        aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn])::oid from pg_aggregate
                    union select prosupport::oid from pg_proc
                ), open as (
                    select oid::regprocedure::text as signature, proname ~ dangerous as is_dangerous,
                        proname ~ 'pg_(try_)?advisory_|pg_notify|pg_lock_status' as is_lent
                    from pg_proc
                    where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f'
                        and exists (
                            select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)
                        and (proname ~ dangerous or (provolatile <> 'i' and proname !~ needed
                            and oid not in (select function from machinery)))
                )
                select string_agg(signature, ', '),
                    string_agg(signature, ', ') filter (where is_lent or not is_dangerous)
                into closed, lent from open;
                if closed is not null then
                    execute format('revoke execute on function %s from public', closed);
                end if;
                if lent is not null then
                    execute format('grant execute on function %s to %s', lent, insiders);
                end if;
            end
            $fence$;
            """
        ).statements
    }
}
