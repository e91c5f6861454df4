-- As 0009_fill_stage_names.sql, some at a time: who writes an opportunity waits for a few of them, not for all.
update {{schema}}.opportunities o
set stage_names = jsonb_build_object(
    'en', coalesce(page.names->>'en', page.names->>'zh', page.stage),
    'zh', coalesce(page.names->>'zh', page.names->>'en', page.stage))
from (
    select o.id, o.stage, s.stage as names from {{schema}}.opportunities o
    join {{schema}}.pipeline_versions v
        on v.pipeline_id = o.pipeline_id and v.pipeline_version = o.pipeline_version
    cross join lateral jsonb_array_elements(v.stages) as s(stage)
    where o.stage_names is null and s.stage->>'key' = o.stage
    limit 1000 for no key update of o) page
where o.id = page.id
returning o.id;
