create table {{schema}}.leads (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    company text collate "zh-x-icu",
    person text collate "zh-x-icu",
    title text,
    phone text,
    email text,
    credit_code text,
    region text,
    industry text,
    employees bigint,
    product text,
    need text,
    amount_minor bigint,
    amount_currency text,
    source text,
    last_source text,
    touches bigint not null,
    last_touch_at timestamptz not null,
    status text not null,
    disqualified_reason text,
    grade text,
    points bigint,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    assignment_rule_id uuid,
    next_step text,
    next_step_at timestamptz,
    first_contact_at timestamptz,
    last_activity_at timestamptz,
    conversion_id uuid,
    converted_at timestamptz,
    account_id uuid,
    contact_id uuid,
    opportunity_id uuid,
    external_system text,
    external_id text,
    custom jsonb not null,
    search text not null,
    -- `<kind>:<value>`, normalised: leads that share one may be one.
    match_keys text[] not null
);
create unique index leads_external_id_key on {{schema}}.leads (external_system, external_id);
create index on {{schema}}.leads (created_at desc, id desc);
create index on {{schema}}.leads (status, created_at desc, id desc);
create index on {{schema}}.leads (owner_id, created_at desc, id desc);
create index on {{schema}}.leads (team_id, created_at desc, id desc);
create index on {{schema}}.leads (source, created_at desc, id desc);
create index on {{schema}}.leads using gin (match_keys) with (fastupdate = off);
create index on {{schema}}.leads using gin (search shared.gin_trgm_ops);

-- Each time a lead came to us.
create table {{schema}}.touches (
    id uuid primary key,
    lead_id uuid not null references {{schema}}.leads,
    source text,
    at timestamptz not null,
    product text,
    need text,
    external_system text,
    external_id text
);
create index on {{schema}}.touches (lead_id, at);

create table {{schema}}.activities (
    id uuid primary key,
    lead_id uuid not null references {{schema}}.leads,
    kind text not null,
    text text,
    outcome text,
    at timestamptz not null,
    by_id uuid
);
create index on {{schema}}.activities (lead_id, at desc);

create table {{schema}}.sources (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    key text not null constraint sources_key_key unique,
    name text not null,
    kind text not null,
    lawful_basis text,
    is_active boolean not null,
    custom jsonb not null
);

-- How duplicates are treated; one row.
create table {{schema}}.duplicate_policy (
    id boolean primary key default true check (id),
    policy jsonb not null
);

-- Conversions on their way; the state is all that is needed to go on after a crash.
create table {{schema}}.conversions (
    id uuid primary key,
    lead_id uuid not null references {{schema}}.leads,
    request jsonb not null,
    actor jsonb not null,
    occurred_at timestamptz not null,
    phase text not null,
    results jsonb not null,
    reason text,
    attempts integer not null default 0,
    updated_at timestamptz not null
);
create index on {{schema}}.conversions (updated_at) where phase in ('running', 'compensating');
