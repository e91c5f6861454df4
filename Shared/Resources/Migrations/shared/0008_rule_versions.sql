-- How often each tenant's rules have changed (its own fields, policies, people …): what a service keeps of them in memory
-- stays right as long as the number does. Kept by triggers, so it is as true as the rules.
create table shared.rule_versions (
    tenant text primary key,
    version bigint not null
);
grant select on shared.rule_versions to {{service_role}};

-- Whose rules they are follows from the table's schema.
create function shared.note_rules() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    insert into shared.rule_versions as v (tenant, version) values (substring(tg_table_schema from 3), 1)
    on conflict (tenant) do update set version = v.version + 1;
    return null;
end
$$;

create function shared.forget_rules_of_tenant() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    delete from shared.rule_versions where tenant = old.id;
    return null;
end
$$;
create trigger forget_rules_of_tenant after delete on shared.tenants
    for each row execute function shared.forget_rules_of_tenant();
revoke execute on function shared.note_rules(), shared.forget_rules_of_tenant() from public;
