-- The next offset each consumer reads of each partition. Changed only from the value it was, in the transaction of the
-- effect: a consumer that lost its partition changes no row and writes nothing.
create table shared.inbox_offset (
    consumer text not null,
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    -- Time of the last event done, for questions about freshness.
    event_time timestamptz,
    primary key (consumer, topic, partition)
) with (fillfactor = 50);

-- The last event of each aggregate that each consumer is done with.
create table shared.inbox_sequence (
    consumer text not null,
    tenant text not null,
    aggregate text not null,
    sequence bigint not null,
    primary key (consumer, tenant, aggregate)
) with (fillfactor = 80);

-- Events that could not be applied, and the later ones of their aggregate that wait behind them.
create table shared.dead_letter (
    id bigint generated always as identity primary key,
    consumer text not null,
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    recorded_at timestamptz not null,
    key text not null,
    tenant text not null,
    aggregate text not null,
    sequence bigint not null,
    type text not null,
    -- poison: refused, see the reason; gap: an earlier event is missing; waiting: behind one that is poison
    state text not null check (state in ('poison', 'gap', 'waiting')),
    reason text not null,
    attempts integer not null default 1,
    parked_at timestamptz not null default now(),
    headers bytea not null,
    body bytea,
    unique (consumer, topic, partition, "offset")
);
create index on shared.dead_letter (consumer, tenant, aggregate, sequence);

grant select, insert, update, delete on shared.inbox_offset, shared.inbox_sequence, shared.dead_letter
    to {{events_role}};
