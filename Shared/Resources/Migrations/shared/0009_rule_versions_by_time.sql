-- A number that was never there before, even after the database was set back or the tenant was moved: microseconds since
-- 1970, or one more than the last.
create function shared.renew_rule_version(renewed text) returns void
language sql set search_path = pg_catalog as $$
    insert into shared.rule_versions as v (tenant, version)
    values (renewed, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
    on conflict (tenant) do update set version = greatest(v.version + 1, excluded.version)
$$;
revoke execute on function shared.renew_rule_version(text) from public;

create or replace function shared.note_rules() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform shared.renew_rule_version(substring(tg_table_schema from 3));
    return null;
end
$$;
