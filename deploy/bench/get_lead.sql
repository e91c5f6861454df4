-- What GET /v1/leads/{id} asks of the database: one prepared select, without the tenant's role.
\set n random(1, {{count}})
select {{columns}} from "{{schema}}".leads where id = (array['{{ids}}']::uuid[])[:n];
