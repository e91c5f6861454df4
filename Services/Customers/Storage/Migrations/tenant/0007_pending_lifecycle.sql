-- New thresholds make accounts due before their day: noted for the clock.
create trigger thresholds_change after insert or update on {{schema}}.lifecycle_policy
    for each row execute function shared.note_pending('lifecycle');
insert into shared.pending_work (kind, tenant, id, since)
select 'lifecycle', substring('{{schema}}' from 3), id, now() from {{schema}}.lifecycle_policy;
