-- From the version of the pipeline that it is on; by itself, so that nobody waits for the table meanwhile.
update {{schema}}.opportunities o
set stage_names = jsonb_build_object(
    'en', coalesce(s.stage->>'en', s.stage->>'zh', o.stage), 'zh', coalesce(s.stage->>'zh', s.stage->>'en', o.stage))
from {{schema}}.pipeline_versions v
cross join lateral jsonb_array_elements(v.stages) as s(stage)
where v.pipeline_id = o.pipeline_id and v.pipeline_version = o.pipeline_version and s.stage->>'key' = o.stage;
