-- Counts the stored states of a conversion: of two processes that work on it at once only one goes on.
alter table {{schema}}.conversions add column revision bigint not null default 0;
create index on {{schema}}.conversions (lead_id, updated_at desc);
