-- When a deal was closed in a stage: reopened, it was not in it meanwhile.
alter table {{schema}}.stage_facts add column closed_at timestamptz;
