-- Search by parts of names: trigram indexes in tenants' schemas use this operator class.
create extension if not exists pg_trgm with schema shared;

-- A time as the API writes it.
create function shared.rfc3339(moment timestamptz) returns text
language sql stable set search_path = pg_catalog as $$
    select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
grant execute on function shared.rfc3339(timestamptz) to {{tenants_role}};
