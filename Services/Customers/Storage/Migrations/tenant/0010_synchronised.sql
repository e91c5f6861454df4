-- What changed since the last look, for systems that keep a copy.
create index on {{schema}}.accounts (updated_at, id);
create index on {{schema}}.contacts (updated_at, id);
create index on {{schema}}.orders (updated_at, id);
