-- The embedded event log.
create table shared.log_topic (
    id integer generated always as identity primary key,
    name text not null unique,
    partitions integer not null check (partitions > 0)
);

-- Locked while offsets are given, so that the order of offsets is the order of commits.
create table shared.log_partition (
    topic integer not null references shared.log_topic,
    partition integer not null,
    next_offset bigint not null default 0,
    primary key (topic, partition)
) with (fillfactor = 50);

create table shared.log_record (
    topic integer not null,
    partition integer not null,
    "offset" bigint not null,
    recorded_at timestamptz not null default clock_timestamp(),
    key text not null,
    headers bytea not null,
    body bytea,
    primary key (topic, partition, "offset")
);
create index on shared.log_record using brin (recorded_at);

grant select, insert, update, delete on shared.log_topic, shared.log_partition, shared.log_record to {{service_role}};
