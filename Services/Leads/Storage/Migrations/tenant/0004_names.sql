-- The copy of the directory as the other services have it; names come with each person's next event.
alter table {{schema}}.users add column name text not null default '';
