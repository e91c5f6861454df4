-- Those that are older than the column, by itself: reports are not kept waiting.
insert into {{schema}}.stage_facts (id, version, pipeline_id, stage, entered_at, closed_at)
select (s->>'id')::uuid, sequence, (s->>'pipelineId')::uuid, s->>'stage',
    coalesce(s->>'stageEnteredAt', s->>'createdAt')::timestamptz, (s->>'closedAt')::timestamptz
from (select sequence, data, data->'opportunity' as s from {{schema}}.event_history
    where aggregate = 'opportunity' and data ? 'opportunity') as u
where sequence = 1 or data->'previous' ? 'status'
on conflict (id, version) do update set closed_at = excluded.closed_at where excluded.closed_at is not null;
