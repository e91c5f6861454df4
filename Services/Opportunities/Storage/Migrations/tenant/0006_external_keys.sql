-- Numbers of a system without a name could be there twice, since nulls are distinct to an index. All but one, the
-- oldest that is not deleted, get a name of their own, so that none is lost. Found by number, whatever the system: the number comes first.
update {{schema}}.products told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.products first where first.external_system is null and first.external_id = told.external_id
        and (first.deleted_at is not null, first.created_at, first.id)
            < (told.deleted_at is not null, told.created_at, told.id));
create unique index products_told_key on {{schema}}.products (external_id, external_system)
    nulls not distinct
where external_id is not null;

update {{schema}}.opportunities told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.opportunities first where first.external_system is null and first.external_id = told.external_id
        and (first.deleted_at is not null, first.created_at, first.id)
            < (told.deleted_at is not null, told.created_at, told.id));
create unique index opportunities_told_key on {{schema}}.opportunities (external_id, external_system)
    nulls not distinct
where external_id is not null;

update {{schema}}.contracts told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.contracts first where first.external_system is null and first.external_id = told.external_id
        and (first.deleted_at is not null, first.created_at, first.id)
            < (told.deleted_at is not null, told.created_at, told.id));
create unique index contracts_told_key on {{schema}}.contracts (external_id, external_system)
    nulls not distinct
where external_id is not null;

-- Who has an object: asked when a conversion is taken back.
create index on {{schema}}.conversions (object_id);
