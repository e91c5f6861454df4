-- Conversions under way are noted for whoever takes up those that were left.
insert into shared.pending_work (kind, tenant, id, since)
select 'conversions', substring('{{schema}}' from 3), id, updated_at from {{schema}}.conversions
where phase in ('running', 'compensating');
create trigger conversion_begins after insert on {{schema}}.conversions
    for each row when (new.phase in ('running', 'compensating'))
    execute function shared.note_pending('conversions');
create trigger conversion_ends after update of phase on {{schema}}.conversions
    for each row when (new.phase not in ('running', 'compensating'))
    execute function shared.forget_pending('conversions');
create trigger conversion_goes after delete on {{schema}}.conversions
    for each row execute function shared.forget_pending('conversions');
