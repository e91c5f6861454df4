-- A number of another system is there once in each of these tables, also one of a system without a name: nulls are distinct
-- to an index otherwise. Where an older release let such a number in twice, all but one, the oldest that is not deleted, get
-- a name of their own, so that none is lost. The number comes first, as it is looked for whatever its system.
--
-- To be the last of a tenant's migration: until the commit nobody reads a table whose index is dropped.
create function shared.number_once(tables_of text, names text[]) returns void
language plpgsql set search_path = pg_catalog as $$
declare
    name text;
begin
    foreach name in array names loop
        execute format($sql$
            update %1$I.%2$I told set external_system = 'duplicate ' || told.id
            where external_system is null and exists (
                select from %1$I.%2$I first
                where first.external_system is null and first.external_id = told.external_id
                    and (first.deleted_at is not null, first.created_at, first.id)
                        < (told.deleted_at is not null, told.created_at, told.id))
            $sql$, tables_of, name);
        execute format('create unique index %3$I on %1$I.%2$I (external_id, external_system) nulls not distinct '
            'where external_id is not null', tables_of, name, name || '_told_key');
    end loop;
    foreach name in array names loop
        execute format('drop index %I.%I', tables_of, name || '_external_id_key');
        execute format('alter index %I.%I rename to %I', tables_of, name || '_told_key', name || '_external_id_key');
    end loop;
end
$$;
revoke execute on function shared.number_once(text, text[]) from public;
