-- What changed since the last look, for systems that keep a copy.
create index on {{schema}}.leads (updated_at, id);
