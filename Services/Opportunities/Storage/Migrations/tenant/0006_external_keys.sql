-- Numbers of a system without a name could be there twice, since nulls are distinct to an index. The later ones get a
-- name of their own, so that none is lost. Found by number, whatever the system: the number comes first.
update {{schema}}.products told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.products first where first.external_system is null and first.external_id = told.external_id
        and (first.created_at, first.id) < (told.created_at, told.id));
drop index {{schema}}.products_external_id_key;
create unique index products_external_id_key on {{schema}}.products (external_id, external_system)
    nulls not distinct
where external_id is not null;

update {{schema}}.opportunities told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.opportunities first where first.external_system is null and first.external_id = told.external_id
        and (first.created_at, first.id) < (told.created_at, told.id));
drop index {{schema}}.opportunities_external_id_key;
create unique index opportunities_external_id_key on {{schema}}.opportunities (external_id, external_system)
    nulls not distinct
where external_id is not null;

update {{schema}}.contracts told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.contracts first where first.external_system is null and first.external_id = told.external_id
        and (first.created_at, first.id) < (told.created_at, told.id));
drop index {{schema}}.contracts_external_id_key;
create unique index contracts_external_id_key on {{schema}}.contracts (external_id, external_system)
    nulls not distinct
where external_id is not null;

-- Who has an object: asked when a conversion is taken back.
create index on {{schema}}.conversions (object_id);
