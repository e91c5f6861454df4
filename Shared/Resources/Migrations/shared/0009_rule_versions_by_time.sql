-- A number that was never there before, even after the database was set back or the tenant was moved: microseconds since
-- 1970, or one more than the last.
create or replace function shared.note_rules() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
    moment bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
    insert into shared.rule_versions as v (tenant, version) values (substring(tg_table_schema from 3), moment)
    on conflict (tenant) do update set version = greatest(v.version + 1, excluded.version);
    return null;
end
$$;
