-- What was attempted long ago is forgotten without looking at all that was since.
create index on {{schema}}.login_attempts (last_at);
