-- Contracts of won opportunities; the payment plan with what came in is part of each.
create table {{schema}}.contracts (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    code text not null constraint contracts_code_key unique,
    number text,
    opportunity_id uuid not null references {{schema}}.opportunities,
    account_id uuid,
    owner_id uuid,
    team_id uuid,
    business_line_id uuid,
    amount_minor bigint not null,
    amount_currency text not null,
    signed_on date not null,
    payments jsonb not null,
    paid_minor bigint,
    paid_currency text,
    external_system text,
    external_id text,
    custom jsonb not null
);
create unique index contracts_external_id_key on {{schema}}.contracts (external_system, external_id);
create index on {{schema}}.contracts (created_at desc, id desc);
create index on {{schema}}.contracts (opportunity_id);
create index on {{schema}}.contracts (owner_id, created_at desc);
create index on {{schema}}.contracts (team_id, created_at desc);
grant select, insert, update on {{schema}}.contracts to {{role}};
create sequence {{schema}}.contract_code;
grant usage on sequence {{schema}}.contract_code to {{role}};
