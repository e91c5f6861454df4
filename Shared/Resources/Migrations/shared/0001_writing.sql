-- Raises when a guarded change did not find its row, so that nothing else of the flight is kept.
create function shared.require_rows(actual bigint, wanted bigint) returns void
language plpgsql immutable set search_path = pg_catalog as $$
begin
    if actual <> wanted then
        raise exception 'the object changed in the meantime' using errcode = 'GX412';
    end if;
end
$$;

-- Takes an idempotency key until the end of the transaction, or raises when another transaction has it. Tenants may
-- not call advisory locks themselves; the first number keeps these apart from every other lock.
create function shared.claim_key(key bigint) returns void
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if not pg_try_advisory_xact_lock(key # hashtextextended(session_user || ':' || current_setting('role'), 17)) then
        raise exception 'the same request is still running' using errcode = 'GX409';
    end if;
end
$$;

-- Waits for its turn among transactions of the same tenant that name the same thing, such as a match key.
create function shared.serialize_on(thing text) returns void
language sql security definer set search_path = pg_catalog as $$
    select pg_advisory_xact_lock(hashtextextended(current_setting('role') || ':' || thing, 23))
$$;

revoke execute on function shared.claim_key(bigint), shared.serialize_on(text) from public;
grant execute on function shared.claim_key(bigint), shared.serialize_on(text), shared.require_rows(bigint, bigint)
    to {{tenants_role}};
