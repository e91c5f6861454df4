-- A function in SQL is parsed and planned anew in each transaction that calls it, which takes longer than the lock: in
-- PL/pgSQL its plan stays with the session. Only the functions that take locks may call this one, and they have set the
-- search path.
create or replace function shared.tenant_lock(kind text, thing text) returns bigint
language plpgsql stable as $$
begin
    return ('x' || encode(substring(sha256(convert_to(
        kind || ':' || current_setting('role') || ':' || thing, 'UTF8')) for 8), 'hex'))::bit(64)::bigint;
end
$$;

create or replace function shared.serialize_on(thing text) returns void
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform pg_advisory_xact_lock(shared.tenant_lock('thing', thing));
end
$$;
