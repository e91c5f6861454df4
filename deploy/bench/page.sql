-- The page of fifty that GET /v1/leads?status=new&region=Central&sort=-createdAt asks for, anywhere in the list.
\set n random(1, 100000)
select {{columns}} from "{{schema}}".leads
where deleted_at is null and status = 'new' and region = 'Central' and created_at < now() - :n * interval '1 minute'
order by created_at desc, id desc limit 51;
