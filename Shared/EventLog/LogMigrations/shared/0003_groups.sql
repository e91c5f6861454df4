-- How far the groups are that were seen of late: the log is not trimmed before them. The offsets that count are in the
-- services' own databases; these follow a minute behind.
create table shared.log_group (
    name text not null,
    topic integer not null references shared.log_topic,
    partition integer not null,
    next_offset bigint not null,
    seen_at timestamptz not null default now(),
    primary key (name, topic, partition)
) with (fillfactor = 50);

grant select, insert, update, delete on shared.log_group to {{service_role}};
