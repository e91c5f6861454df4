-- What the stage of each opportunity is called in both languages.
alter table {{schema}}.opportunities add column stage_names jsonb;
