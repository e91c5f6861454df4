-- What happened to customers, from the events of all services. Nothing here is decided: it can be made anew from the
-- event log at any time.
create table {{schema}}.timeline (
    event_id uuid not null,
    -- 1 is the same event as the customer sees it whom its subject left.
    part smallint not null,
    -- Null until the subject belongs to a customer: a lead before its conversion.
    account_id uuid,
    at timestamptz not null,
    place smallint not null,
    kind text not null,
    type text not null,
    subject_kind text not null,
    subject_id uuid not null,
    sequence bigint not null,
    actor text,
    summary_en text not null,
    summary_zh text not null,
    details jsonb not null,
    primary key (event_id, part)
);
create index on {{schema}}.timeline (account_id, at desc, place desc, event_id desc, part desc)
    where account_id is not null;
create index on {{schema}}.timeline (subject_id) where part = 0;
grant select, insert, update on {{schema}}.timeline to {{role}};
