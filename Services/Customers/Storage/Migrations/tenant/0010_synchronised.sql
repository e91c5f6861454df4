-- What changed since the last look, for systems that keep a copy.
create index on {{schema}}.contacts (updated_at, id);
create index on {{schema}}.orders (updated_at, id);
-- Last of all: until the commit nobody reads a table whose index is dropped.
drop index {{schema}}.accounts_external_id_key;
alter index {{schema}}.accounts_told_key rename to accounts_external_id_key;
drop index {{schema}}.contacts_external_id_key;
alter index {{schema}}.contacts_told_key rename to contacts_external_id_key;
drop index {{schema}}.orders_external_id_key;
alter index {{schema}}.orders_told_key rename to orders_external_id_key;
-- New thresholds are noted by a name of their own, too: the clock of the release before takes the other note, and leaves it
-- to the change itself to say which accounts are due.
create trigger thresholds_told after insert or update on {{schema}}.lifecycle_policy
    for each row execute function shared.note_pending('thresholds');
