-- What POST /v1/leads asks of the database, in one transaction: the tenant's role, the policy and the possible
-- duplicates read, the lead, its touch and its event written. Ids grow as those of the service do.
\set i :i + 1
\set n random(1000000000000000, 9999999999999999)
\set p random(100000000, 999999999)
begin;
set local role "{{role}}";
select policy from "{{schema}}".duplicate_policy;
select {{columns}}
from "{{schema}}".leads
where match_keys && array[
        'phone:+8613' || :p, 'email:' || 'p' || :i || '@' || :n || '.example',
        'companyProduct:' || :i || ' ' || :n || ' bench' || chr(31) || 'rackr1',
        'company:' || :i || ' ' || :n || ' bench']
    and deleted_at is null
order by last_touch_at desc limit 20;
insert into "{{schema}}".leads ({{columns}}, search, match_keys)
values (
    ('01a0' || lpad(:i, 12, '0') || :n)::uuid, 1, now(), now(), null,
    'Bench ' || :n || ' ' || :i || ' Ltd', 'P. Marsh', null, '+8613' || :p,
    'p' || :i || '@' || :n || '.example', null, 'Central', null, null, 'Rack R1', null, null, null,
    'website', 'website', 1, now(), 'new', null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, '{}',
    'bench ' || :n || ' ' || :i || ' ltd p. marsh   +8613' || :p || ' p' || :i || '@' || :n || '.example',
    array[
        'phone:+8613' || :p, 'email:' || 'p' || :i || '@' || :n || '.example',
        'companyProduct:' || :i || ' ' || :n || ' bench' || chr(31) || 'rackr1',
        'company:' || :i || ' ' || :n || ' bench']);
insert into "{{schema}}".touches (id, lead_id, source, at, product, need, external_system, external_id)
values (
    ('01a1' || lpad(:i, 12, '0') || :n)::uuid, ('01a0' || lpad(:i, 12, '0') || :n)::uuid, 'website', now(), 'Rack R1',
    null, null, null);
insert into shared.outbox (
    event_id, source, type, aggregate_type, aggregate_id, sequence, occurred_at, traceparent, actor, data)
values (
    ('01a2' || lpad(:i, 12, '0') || :n)::uuid, '/leads', 'lead.created', 'lead',
    ('01a0' || lpad(:i, 12, '0') || :n)::uuid::text, 1, now(),
    '00-d5283b18c22e968e' || :n || '-e86f2dfa9342a95a-01', '01a21411-f661-7392-8193-15a02957017e',
    '{"lead":{"id":"' || ('01a0' || lpad(:i, 12, '0') || :n)::uuid || '","version":1,'
    '"createdAt":"2026-11-25T18:57:33.362Z",'
    '"updatedAt":"2026-11-25T18:57:33.362Z","deletedAt": null,"company":"Bench ' || :n || ' ' || :i || ' Ltd",'
    '"person":"P. Marsh","title": null,"phone":"+8613' || :p || '","email":"p' || :i || '@' || :n || '.example",'
    '"creditCode": null,"region":"Central","industry": null,"employees": null,"product":"Rack R1","need": null,'
    '"amount": null,"source":"website","lastSource":"website","touches":1,"lastTouchAt":"2026-11-25T18:57:33.362Z",'
    '"status":"new","disqualifiedReason": null,"grade": null,"points": null,"ownerId": null,"teamId": null,'
    '"businessLineId": null,"assignmentRuleId": null,"nextStep": null,"nextStepAt": null,"firstContactAt": null,'
    '"lastActivityAt": null,"convertedAt": null,"accountId": null,"contactId": null,"opportunityId": null,'
    '"externalSystem": null,"externalId": null,"custom":{}},"previous":{},"duplicates":[]}');
commit;
