-- Waits for its turn among transactions of the same tenant that make the same kind of thing by one of the same keys.
-- Many keys are one turn on all of them: a lock for each would fill the server's table of locks.
create function shared.take_turn(kind text, keys text[]) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    key bigint;
begin
    if cardinality(keys) > 64 then
        perform pg_advisory_xact_lock(shared.tenant_lock('turns', kind));
        return;
    end if;
    perform pg_advisory_xact_lock_shared(shared.tenant_lock('turns', kind));
    -- In one order, so that two that share several keys cannot wait for each other.
    for key in select distinct shared.tenant_lock('turn', kind || ':' || k) from unnest(keys) as k order by 1 loop
        perform pg_advisory_xact_lock(key);
    end loop;
end
$$;
revoke execute on function shared.take_turn(text, text[]) from public;
grant execute on function shared.take_turn(text, text[]) to {{tenants_role}};
