-- Lists in the order of names; that of accounts is there.
create index on {{schema}}.contacts (name, id);
