-- What reports need to know of stages: where a deal is, by which pipeline, and why it was lost.
alter table {{schema}}.opportunity_facts
    add column pipeline_id uuid,
    add column pipeline_version int,
    add column closed_at timestamptz,
    add column lost_reason text,
    add column competitor text;
alter table {{schema}}.lead_facts add column opportunity_id uuid;

create table {{schema}}.pipeline_facts (
    id uuid primary key,
    name text,
    business_line_id uuid,
    pipeline_version int not null,
    stages jsonb not null,
    is_active boolean not null,
    created_at timestamptz not null,
    deleted boolean not null
);

-- A row for each time that an opportunity entered a stage, and a lead a status.
create table {{schema}}.stage_facts (
    id uuid not null,
    version bigint not null,
    pipeline_id uuid,
    stage text not null,
    entered_at timestamptz not null,
    primary key (id, version)
);
create table {{schema}}.status_facts (
    id uuid not null,
    version bigint not null,
    status text not null,
    entered_at timestamptz not null,
    primary key (id, version)
);
grant select, insert, update, delete on
    {{schema}}.pipeline_facts, {{schema}}.stage_facts, {{schema}}.status_facts to {{role}};

-- Tenants that are older than these columns: from their history.
update {{schema}}.opportunity_facts f set
    pipeline_id = (s->>'pipelineId')::uuid, pipeline_version = (s->>'pipelineVersion')::int,
    closed_at = (s->>'closedAt')::timestamptz, lost_reason = s->>'lostReason', competitor = s->>'competitor'
from (select distinct on (aggregate_id) data->'opportunity' as s from {{schema}}.event_history
    where aggregate = 'opportunity' order by aggregate_id, sequence desc) as u
where f.id = (s->>'id')::uuid;
update {{schema}}.lead_facts f set opportunity_id = (s->>'opportunityId')::uuid
from (select distinct on (aggregate_id) data->'lead' as s from {{schema}}.event_history
    where aggregate = 'lead' order by aggregate_id, sequence desc) as u
where f.id = (s->>'id')::uuid;
insert into {{schema}}.pipeline_facts
select (s->>'id')::uuid, s->>'name', (s->>'businessLineId')::uuid, (s->>'pipelineVersion')::int, s->'stages',
    (s->>'isActive')::boolean, (s->>'createdAt')::timestamptz, coalesce(s->>'deletedAt', '') <> ''
from (select distinct on (aggregate_id) data->'pipeline' as s from {{schema}}.event_history
    where aggregate = 'pipeline' order by aggregate_id, sequence desc) as u;
insert into {{schema}}.stage_facts
select (s->>'id')::uuid, sequence, (s->>'pipelineId')::uuid, s->>'stage', coalesce(s->>'stageEnteredAt', s->>'createdAt')::timestamptz
from (select sequence, data, data->'opportunity' as s from {{schema}}.event_history
    where aggregate = 'opportunity') as u
where sequence = 1 or data->'previous' ?| array['stage', 'pipelineId'];
insert into {{schema}}.status_facts
select (s->>'id')::uuid, sequence, s->>'status', time
from (select sequence, time, data, data->'lead' as s from {{schema}}.event_history where aggregate = 'lead') as u
where sequence = 1 or data->'previous' ? 'status';
