-- Imports that their sender named, and what was sent: sent again, by whomever, the file is imported once.
alter table {{schema}}.imports add column name uuid, add column fingerprint bytea;
create unique index imports_name_key on {{schema}}.imports (name) where name is not null;
