-- What was done with an opportunity, and what came of it being lost or registered.
alter table {{schema}}.opportunities
    add column last_activity_at timestamptz,
    add column nurture_on date,
    add column registration text,
    add column registered_at timestamptz,
    add column protected_until date;
create index on {{schema}}.opportunities (pipeline_id, pipeline_version) where status = 'open';

create table {{schema}}.activities (
    id uuid primary key,
    opportunity_id uuid not null references {{schema}}.opportunities,
    kind text not null,
    text text,
    outcome text,
    at timestamptz not null,
    by_id uuid
);
create index on {{schema}}.activities (opportunity_id, at desc);
grant select, insert on {{schema}}.activities to {{role}};

-- Copies of the directory, from its events: whose team an owner is in, and what groups of the forecast are called.
create table {{schema}}.users (
    id uuid primary key,
    name text not null,
    login text not null,
    email text,
    team_id uuid,
    active boolean not null
);
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
grant select, insert, update on {{schema}}.users, {{schema}}.teams, {{schema}}.business_lines to {{role}};
