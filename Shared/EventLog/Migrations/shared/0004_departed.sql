-- What a tenant that is deleted leaves of its events: bodies that could not be applied, and how far each aggregate was.
create function shared.forget_events() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    delete from shared.dead_letter letter using (select distinct consumer from shared.inbox_offset) known
    where letter.consumer = known.consumer and letter.tenant = old.id;
    delete from shared.inbox_sequence done using (select distinct consumer from shared.inbox_offset) known
    where done.consumer = known.consumer and done.tenant = old.id;
    return null;
end
$$;
revoke execute on function shared.forget_events() from public;
create trigger tenant_departs after delete on shared.tenants
    for each row execute function shared.forget_events();
