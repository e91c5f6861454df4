-- Every event of the tenant, as it came. Nothing here is ever changed: the projections below are made from it.
create table {{schema}}.event_history (
    aggregate_id text not null,
    sequence bigint not null,
    aggregate text not null,
    type text not null,
    id uuid not null,
    time timestamptz not null,
    actor text,
    data jsonb not null,
    primary key (aggregate_id, sequence)
);
create index on {{schema}}.event_history (aggregate, aggregate_id, sequence desc);
revoke all on {{schema}}.event_history from {{role}};
grant select, insert on {{schema}}.event_history to {{role}};

-- What things are called, and who belongs to whom.
create table {{schema}}.users (
    id uuid primary key, name text, login text, team_id uuid, manager_id uuid, role text
);
create table {{schema}}.teams (
    id uuid primary key, name text, parent_id uuid, manager_id uuid, region text
);
create table {{schema}}.products (id uuid primary key, name text, series text);
create table {{schema}}.business_lines (id uuid primary key, name text);
create table {{schema}}.target_facts (
    id uuid primary key,
    period text not null,
    amount numeric,
    currency text,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    deleted boolean not null
);

-- One row for each aggregate, as its last event left it.
create table {{schema}}.lead_facts (
    id uuid primary key,
    created_at timestamptz not null,
    converted_at timestamptz,
    status text not null,
    source text,
    grade text,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    product text,
    account_id uuid,
    deleted boolean not null
);
create table {{schema}}.opportunity_facts (
    id uuid primary key,
    opened_at timestamptz not null,
    close_date date,
    status text not null,
    stage text not null,
    stage_name text,
    win_rate int,
    amount numeric,
    currency text,
    expected_close_date date,
    source text,
    lead_id uuid,
    account_id uuid,
    product_id uuid,
    product_name text,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    deleted boolean not null
);
create table {{schema}}.account_facts (
    id uuid primary key,
    name text,
    created_at timestamptz not null,
    source text,
    lead_id uuid,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    deleted boolean not null
);
create table {{schema}}.order_facts (
    id uuid primary key,
    account_id uuid,
    ordered_on date,
    status text not null,
    amount numeric,
    currency text,
    product_id uuid,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    deleted boolean not null
);
create index on {{schema}}.order_facts (account_id, ordered_on);
grant select, insert, update, delete on
    {{schema}}.users, {{schema}}.teams, {{schema}}.products, {{schema}}.business_lines, {{schema}}.target_facts,
    {{schema}}.lead_facts, {{schema}}.opportunity_facts, {{schema}}.account_facts, {{schema}}.order_facts
    to {{role}};
