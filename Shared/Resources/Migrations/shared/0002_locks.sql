-- The number of a tenant's lock is a digest of its role and what it names: nobody can choose a name that makes it the
-- number of another tenant's lock. (hashtextextended can be turned round, and a number from outside added to it chose
-- any lock.)
create function shared.tenant_lock(kind text, thing text) returns bigint
language sql stable set search_path = pg_catalog as $$
    select ('x' || encode(substring(sha256(convert_to(
        kind || ':' || current_setting('role') || ':' || thing, 'UTF8')) for 8), 'hex'))::bit(64)::bigint
$$;
revoke execute on function shared.tenant_lock(text, text) from public;

create or replace function shared.claim_key(key bigint) returns void
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if not pg_try_advisory_xact_lock(shared.tenant_lock('key', key::text)) then
        raise exception 'the same request is still running' using errcode = 'GX409';
    end if;
end
$$;

create or replace function shared.serialize_on(thing text) returns void
language sql security definer set search_path = pg_catalog as $$
    select pg_advisory_xact_lock(shared.tenant_lock('thing', thing))
$$;
