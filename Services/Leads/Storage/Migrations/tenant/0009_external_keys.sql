-- Numbers of a system without a name could be there twice, since nulls are distinct to an index. All but one, the
-- oldest that is not deleted, get a name of their own, so that none is lost. Leads without a number are not in it at all.
update {{schema}}.leads told set external_system = 'duplicate ' || told.id
where external_system is null and exists (
    select from {{schema}}.leads first where first.external_system is null and first.external_id = told.external_id
        and (first.deleted_at is not null, first.created_at, first.id)
            < (told.deleted_at is not null, told.created_at, told.id));
create unique index leads_told_key on {{schema}}.leads (external_id, external_system) nulls not distinct
where external_id is not null;
-- Last of all: until the commit nobody reads a table whose index is dropped.
drop index {{schema}}.leads_external_id_key;
alter index {{schema}}.leads_told_key rename to leads_external_id_key;
