-- Which kind of log carries the installation's events, this one or Kafka. Services look before they start.
create table shared.log_kind (
    only_one boolean primary key default true check (only_one),
    kind text not null check (kind in ('postgres', 'kafka')),
    since timestamptz not null default now()
);
grant select, insert on shared.log_kind to {{service_role}};
