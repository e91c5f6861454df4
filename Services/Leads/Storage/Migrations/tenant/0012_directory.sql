-- Copies of the directory's teams and business lines: who names one names one that there is.
create table {{schema}}.teams (
    id uuid primary key,
    name text not null,
    parent_id uuid,
    active boolean not null
);
create table {{schema}}.business_lines (
    id uuid primary key,
    name text not null,
    active boolean not null
);
-- The copies that have been filled with what was there before; the others know what events told since.
create table {{schema}}.filled_copies (part text primary key);
grant select, insert, update on {{schema}}.teams, {{schema}}.business_lines to {{role}};
grant select, insert on {{schema}}.filled_copies to {{role}};
insert into shared.pending_work (kind, tenant, id, since)
values ('copies', substring('{{schema}}' from 3), gen_random_uuid(), clock_timestamp());
