-- Numbers of a system without a name could be there twice, since nulls are distinct to an index. All but one, the
-- oldest that is not deleted, get a name of their own, so that none is lost. Found by number, whatever the system: the number comes first.
update {{schema}}.accounts told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.accounts first where first.external_system is null and first.external_id = told.external_id
        and (first.deleted_at is not null, first.created_at, first.id)
            < (told.deleted_at is not null, told.created_at, told.id));
create unique index accounts_told_key on {{schema}}.accounts (external_id, external_system) nulls not distinct
where external_id is not null;

update {{schema}}.contacts told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.contacts first where first.external_system is null and first.external_id = told.external_id
        and (first.deleted_at is not null, first.created_at, first.id)
            < (told.deleted_at is not null, told.created_at, told.id));
create unique index contacts_told_key on {{schema}}.contacts (external_id, external_system) nulls not distinct
where external_id is not null;

update {{schema}}.orders told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.orders first where first.external_system is null and first.external_id = told.external_id
        and (first.deleted_at is not null, first.created_at, first.id)
            < (told.deleted_at is not null, told.created_at, told.id));
create unique index orders_told_key on {{schema}}.orders (external_id, external_system) nulls not distinct
where external_id is not null;

-- Who has an object: asked when a conversion is taken back.
create index on {{schema}}.conversions (object_id);
