-- Answers of requests with an Idempotency-Key, kept for a day.
create table {{schema}}.idempotency_keys (
    scope bytea primary key,
    fingerprint bytea not null,
    status smallint not null,
    headers jsonb not null,
    body bytea,
    created_at timestamptz not null
);
create index on {{schema}}.idempotency_keys (created_at);
grant select, insert, delete on {{schema}}.idempotency_keys to {{role}};

-- The tenant's own fields.
create table {{schema}}.custom_fields (
    entity text not null,
    name text not null,
    position integer not null,
    definition jsonb not null,
    created_at timestamptz not null,
    primary key (entity, name)
);
grant select, insert, update, delete on {{schema}}.custom_fields to {{role}};
