-- Thresholds become an aggregate with events of its own; still one row.
alter table {{schema}}.lifecycle_policy rename to lifecycle_policy_before;
create table {{schema}}.lifecycle_policy (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    stable_from_order bigint not null,
    at_risk_after_days bigint not null,
    lost_after_days bigint not null,
    high_value_from_minor bigint,
    high_value_from_currency text,
    custom jsonb not null,
    singleton boolean not null default true check (singleton) constraint lifecycle_policy_singleton_key unique
);
-- Version 0: what was set before was never told; the next change is the first event.
insert into {{schema}}.lifecycle_policy
select gen_random_uuid(), 0, now(), now(), null, stable_from_order, at_risk_after_days, lost_after_days,
    high_value_from, case when high_value_from is not null then (
        select currency from shared.tenants where 't_' || id = '{{schema}}') end, '{}'
from {{schema}}.lifecycle_policy_before;
drop table {{schema}}.lifecycle_policy_before;
grant select, insert, update on {{schema}}.lifecycle_policy to {{role}};

-- Each step of an account's lifecycle, written with the step.
create table {{schema}}.lifecycle_changes (
    account_id uuid not null references {{schema}}.accounts,
    -- Of the account after the step.
    version bigint not null,
    at timestamptz not null,
    from_state text not null,
    to_state text not null,
    reason text not null,
    reason_number bigint,
    orders bigint not null,
    as_of date not null,
    next_check date,
    primary key (account_id, version)
);
grant select, insert on {{schema}}.lifecycle_changes to {{role}};
