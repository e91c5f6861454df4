-- Imports that wait or run are noted for the worker; also uploads, which it removes when nobody goes on with them.
insert into shared.pending_work (kind, tenant, id, since)
select 'imports', substring('{{schema}}' from 3), id, created_at from {{schema}}.imports
where status in ('receiving', 'queued', 'running');
create trigger import_begins after insert on {{schema}}.imports
    for each row when (new.status in ('receiving', 'queued', 'running'))
    execute function shared.note_pending('imports');
create trigger import_ends after update of status on {{schema}}.imports
    for each row when (new.status in ('done', 'failed'))
    execute function shared.forget_pending('imports');
create trigger import_goes after delete on {{schema}}.imports
    for each row execute function shared.forget_pending('imports');
