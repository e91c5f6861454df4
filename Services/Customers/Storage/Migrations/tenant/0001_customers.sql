create table {{schema}}.accounts (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    code text not null constraint accounts_code_key unique,
    name text not null collate "zh-x-icu",
    aliases jsonb not null,
    parent_id uuid,
    credit_code text,
    industry text,
    employees bigint,
    annual_revenue_minor bigint,
    annual_revenue_currency text,
    country text,
    region text,
    address text,
    phone text,
    email text,
    website text,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    source text,
    lead_id uuid,
    lifecycle text not null,
    lifecycle_since timestamptz,
    order_count bigint not null,
    order_value_minor bigint,
    order_value_currency text,
    first_order_date date,
    last_order_date date,
    description text,
    external_system text,
    external_id text,
    custom jsonb not null,
    -- Folded name, aliases, pinyin, phone and e-mail: what `q=` looks through.
    search text not null,
    -- Keys of the name and every alias: two accounts that share one are likely one company.
    match_keys text[] not null,
    -- When time alone will change the lifecycle.
    next_check date
);
create unique index accounts_external_id_key on {{schema}}.accounts (external_system, external_id);
create index on {{schema}}.accounts (created_at desc, id desc);
create index on {{schema}}.accounts (name, id);
create index on {{schema}}.accounts (owner_id, created_at desc);
create index on {{schema}}.accounts (lifecycle, created_at desc);
create index on {{schema}}.accounts (parent_id);
create index on {{schema}}.accounts using gin (match_keys);
create index on {{schema}}.accounts using gin (search shared.gin_trgm_ops);
create index on {{schema}}.accounts (next_check) where next_check is not null and deleted_at is null;
grant select, insert, update on {{schema}}.accounts to {{role}};
create sequence {{schema}}.account_code;
grant usage on sequence {{schema}}.account_code to {{role}};

create table {{schema}}.contacts (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    account_id uuid references {{schema}}.accounts,
    name text not null collate "zh-x-icu",
    title text,
    department text,
    phone text,
    email text,
    is_primary boolean not null,
    owner_id uuid,
    team_id uuid,
    lead_id uuid,
    description text,
    external_system text,
    external_id text,
    custom jsonb not null,
    search text not null
);
create unique index contacts_external_id_key on {{schema}}.contacts (external_system, external_id);
create index on {{schema}}.contacts (created_at desc, id desc);
create index on {{schema}}.contacts (account_id, created_at desc);
create index on {{schema}}.contacts using gin (search shared.gin_trgm_ops);
grant select, insert, update on {{schema}}.contacts to {{role}};

create table {{schema}}.orders (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    account_id uuid not null references {{schema}}.accounts,
    external_system text,
    external_id text,
    ordered_on date not null,
    amount_minor bigint not null,
    amount_currency text not null,
    status text not null,
    product_id uuid,
    quantity bigint,
    opportunity_id uuid,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    channel text,
    description text,
    custom jsonb not null
);
create unique index orders_external_id_key on {{schema}}.orders (external_system, external_id);
create index on {{schema}}.orders (created_at desc, id desc);
create index on {{schema}}.orders (account_id, ordered_on);
create index on {{schema}}.orders (ordered_on desc, id desc);
grant select, insert, update on {{schema}}.orders to {{role}};

-- Thresholds of the lifecycle; one row.
create table {{schema}}.lifecycle_policy (
    id boolean primary key default true check (id),
    stable_from_order bigint not null,
    at_risk_after_days bigint not null,
    lost_after_days bigint not null,
    high_value_from bigint,
    version bigint not null
);
grant select, insert, update on {{schema}}.lifecycle_policy to {{role}};

-- What a conversion of a lead made here, so that it can be repeated and taken back.
create table {{schema}}.conversions (
    saga uuid not null,
    step text not null,
    object_id uuid not null,
    created boolean not null,
    version bigint not null,
    primary key (saga, step)
);
grant select, insert, update on {{schema}}.conversions to {{role}};
