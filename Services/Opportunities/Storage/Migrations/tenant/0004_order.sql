-- Lists in the order of names.
create index on {{schema}}.opportunities (name, id);
create index on {{schema}}.products (name, id);
