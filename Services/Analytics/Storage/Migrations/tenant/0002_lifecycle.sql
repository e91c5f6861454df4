-- The tenant's thresholds of the lifecycle: one row, once it set its own.
create table {{schema}}.lifecycle_policies (
    id uuid primary key,
    stable_from_order int not null,
    at_risk_after_days int not null,
    lost_after_days int not null,
    high_value_from numeric
);
grant select, insert, update, delete on {{schema}}.lifecycle_policies to {{role}};
