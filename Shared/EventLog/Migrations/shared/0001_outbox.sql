-- What happened, waiting for the relay. Written in the transaction of the change itself.
--
-- A ring of eight partitions of half an hour each: the relay empties those that are published and an hour old with
-- TRUNCATE, so that no partition is ever made or dropped while transactions write.
create table shared.outbox (
    id bigint generated always as identity,
    bucket smallint not null default ((extract(epoch from now())::bigint / 1800) % 8)::smallint,
    txid xid8 not null default pg_current_xact_id(),
    -- Whose event it is follows from the role that writes it.
    tenant text not null default substring(current_user from '_t_([a-z2-7]{16})$'),
    -- Relays share the outbox by slot; all events of an aggregate are in one.
    slot smallint not null generated always as ((hashtext(aggregate_id) & 15)::smallint) stored,
    event_id uuid not null,
    source text not null,
    type text not null,
    aggregate_type text not null,
    aggregate_id text not null,
    sequence bigint not null check (sequence > 0),
    occurred_at timestamptz not null,
    traceparent text,
    actor text,
    data text constraint outbox_data_size check (octet_length(data) <= 900000)
) partition by list (bucket);

do $$
begin
    for bucket in 0..7 loop
        execute format('create table shared.outbox_%s partition of shared.outbox for values in (%s)', bucket, bucket);
        -- The live read goes by transaction, a backlog is paged by id.
        execute format('create index on shared.outbox_%s (txid)', bucket);
        execute format('create index on shared.outbox_%s (id)', bucket);
    end loop;
end
$$;

-- Only the payload: id, txid, tenant, slot and bucket cannot be forged.
grant insert (event_id, source, type, aggregate_type, aggregate_id, sequence, occurred_at, traceparent, actor, data)
    on shared.outbox to {{tenants_role}};
-- The service itself may also write as a tenant it names.
grant insert (tenant, event_id, source, type, aggregate_type, aggregate_id, sequence, occurred_at, traceparent, actor,
    data) on shared.outbox to {{service_role}};
grant select, update on shared.outbox to {{outbox_role}};

-- How far each slot is published: everything that `snapshot` sees. While a backlog is paged, what `upper` sees and
-- has an id up to `last_id` is published too.
create table shared.relay_cursor (
    slot smallint primary key,
    system_identifier bigint not null,
    snapshot pg_snapshot not null,
    upper pg_snapshot,
    last_id bigint,
    updated_at timestamptz not null default now()
);
grant select, insert, update on shared.relay_cursor to {{outbox_role}};

-- Empties a partition of the ring if it is old and every slot has published it; false if it is not or is in use.
create function shared.empty_outbox(bucket smallint) returns boolean
language plpgsql security definer set search_path = pg_catalog set lock_timeout = '50ms' as $$
declare
    current smallint := ((extract(epoch from now())::bigint / 1800) % 8)::smallint;
    unpublished boolean;
begin
    -- This half hour, the two before it and the next one are in use or kept for looking at.
    if (current - bucket + 8) % 8 in (0, 1, 2, 7) then
        return false;
    end if;
    execute format('select not exists (select from shared.outbox_%s)', bucket) into unpublished;
    if unpublished then
        return false;
    end if;
    execute format('lock table shared.outbox_%s in access exclusive mode', bucket);
    execute format(
        'select exists (select from shared.outbox_%s o left join shared.relay_cursor c on c.slot = o.slot
            where c.slot is null or not pg_visible_in_snapshot(o.txid, c.snapshot))', bucket) into unpublished;
    if unpublished then
        return false;
    end if;
    execute format('truncate shared.outbox_%s', bucket);
    return true;
exception when lock_not_available then
    return false;
end
$$;
revoke execute on function shared.empty_outbox(smallint) from public;
grant execute on function shared.empty_outbox(smallint) to {{outbox_role}};
