create table {{schema}}.products (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    name text not null collate "zh-x-icu",
    series text,
    list_price_minor bigint,
    list_price_currency text,
    aliases jsonb not null,
    is_active boolean not null,
    external_system text,
    external_id text,
    custom jsonb not null,
    -- Keys of the name and every alias, under which the product is found.
    match_keys text[] not null
);
create unique index products_external_id_key on {{schema}}.products (external_system, external_id);
create index on {{schema}}.products (created_at desc, id desc);
create index on {{schema}}.products using gin (match_keys);
grant select, insert, update on {{schema}}.products to {{role}};

create table {{schema}}.pipelines (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    name text not null constraint pipelines_name_key unique,
    business_line_id uuid,
    pipeline_version bigint not null,
    stages jsonb not null,
    is_active boolean not null,
    custom jsonb not null
);
create index on {{schema}}.pipelines (created_at desc, id desc);
grant select, insert, update on {{schema}}.pipelines to {{role}};

-- Every version of a pipeline: open opportunities finish on theirs.
create table {{schema}}.pipeline_versions (
    pipeline_id uuid not null references {{schema}}.pipelines,
    pipeline_version bigint not null,
    stages jsonb not null,
    created_at timestamptz not null,
    primary key (pipeline_id, pipeline_version)
);
grant select, insert on {{schema}}.pipeline_versions to {{role}};

create table {{schema}}.targets (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    period text not null,
    amount_minor bigint not null,
    amount_currency text not null,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    custom jsonb not null
);
create index on {{schema}}.targets (period);
create index on {{schema}}.targets (created_at desc, id desc);
grant select, insert, update on {{schema}}.targets to {{role}};

create table {{schema}}.opportunities (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    code text not null constraint opportunities_code_key unique,
    name text not null collate "zh-x-icu",
    account_id uuid,
    contact_id uuid,
    lead_id uuid,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    source text,
    product_lines jsonb not null,
    amount_minor bigint,
    amount_currency text,
    expected_close_date date,
    pipeline_id uuid not null references {{schema}}.pipelines,
    pipeline_version bigint not null,
    stage text not null,
    stage_name text,
    win_rate bigint,
    stage_entered_at timestamptz not null,
    status text not null,
    opened_at timestamptz,
    closed_at timestamptz,
    close_date date,
    lost_reason text,
    competitor text,
    description text,
    external_system text,
    external_id text,
    custom jsonb not null,
    search text not null
);
create unique index opportunities_external_id_key on {{schema}}.opportunities (external_system, external_id);
create index on {{schema}}.opportunities (created_at desc, id desc);
create index on {{schema}}.opportunities (status, stage, created_at desc);
create index on {{schema}}.opportunities (owner_id, created_at desc);
create index on {{schema}}.opportunities (team_id, created_at desc);
create index on {{schema}}.opportunities (account_id);
create index on {{schema}}.opportunities (expected_close_date) where status = 'open';
create index on {{schema}}.opportunities (close_date) where status <> 'open';
create index on {{schema}}.opportunities using gin (search shared.gin_trgm_ops);
grant select, insert, update on {{schema}}.opportunities to {{role}};
create sequence {{schema}}.opportunity_code;
grant usage on sequence {{schema}}.opportunity_code to {{role}};

-- Who moved an opportunity, when, and how long it had been where it was.
create table {{schema}}.stage_changes (
    opportunity_id uuid not null references {{schema}}.opportunities,
    version bigint not null,
    kind text not null,
    from_stage text,
    to_stage text not null,
    at timestamptz not null,
    by_id uuid,
    seconds_spent bigint,
    reason text,
    primary key (opportunity_id, version)
);
grant select, insert on {{schema}}.stage_changes to {{role}};

-- What a conversion of a lead made here.
create table {{schema}}.conversions (
    saga uuid not null,
    step text not null,
    object_id uuid not null,
    created boolean not null,
    version bigint not null,
    primary key (saga, step)
);
grant select, insert, update on {{schema}}.conversions to {{role}};
