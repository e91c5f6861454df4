-- Which tenants have something that waits to be worked on: a worker asks here once instead of asking each of them.
-- Kept by triggers on the tenants' tables, so it is as true as these.
create table shared.pending_work (
    kind text not null,
    tenant text not null,
    id uuid not null,
    since timestamptz not null,
    primary key (kind, tenant, id)
);
grant select, delete on shared.pending_work to {{service_role}};

-- Notes a row that waits. Whose it is follows from the table's schema.
create function shared.note_pending() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    insert into shared.pending_work (kind, tenant, id, since)
    values (tg_argv[0], substring(tg_table_schema from 3), new.id, clock_timestamp())
    on conflict (kind, tenant, id) do update set since = excluded.since;
    return null;
end
$$;

-- Forgets a row that no longer waits.
create function shared.forget_pending() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    delete from shared.pending_work
    where kind = tg_argv[0] and tenant = substring(tg_table_schema from 3) and id = old.id;
    return null;
end
$$;

create function shared.forget_pending_of_tenant() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    delete from shared.pending_work where tenant = old.id;
    return null;
end
$$;
create trigger forget_pending_of_tenant after delete on shared.tenants
    for each row execute function shared.forget_pending_of_tenant();
revoke execute on function shared.note_pending(), shared.forget_pending(), shared.forget_pending_of_tenant()
    from public;
