-- Lists in the order of names.
create index on {{schema}}.leads (company, id);
create index on {{schema}}.leads (person, id);
