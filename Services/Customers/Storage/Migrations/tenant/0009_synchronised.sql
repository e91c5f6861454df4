-- What changed since the last look, for systems that keep a copy.
create index on {{schema}}.contacts (updated_at, id);
create index on {{schema}}.orders (updated_at, id);
-- Who has an object: asked when a conversion is taken back.
create index on {{schema}}.conversions (object_id);
-- New thresholds are noted by a name of their own, too: the clock of the release before takes the other note, and leaves it
-- to the change itself to say which accounts are due.
create trigger thresholds_told after insert or update on {{schema}}.lifecycle_policy
    for each row execute function shared.note_pending('thresholds');
