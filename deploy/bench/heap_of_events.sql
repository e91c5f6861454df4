-- Events of new leads, all at once, by the tenant's own role: as many transactions, so that none of the relay's work
-- is saved by their being one.
set role "{{role}}";
select format($statement$
    insert into shared.outbox (
        event_id, source, type, aggregate_type, aggregate_id, sequence, occurred_at, traceparent, actor, data)
    select gen_random_uuid(), '/leads', 'lead.created', 'lead', id, 1, now(),
        '00-d5283b18c22e968ea7f3f5d314f6534d-e86f2dfa9342a95a-01', '01a21411-f661-7392-8193-15a02957017e',
        '{"lead":{"id":"' || id || '","version":1,"createdAt":"2026-11-25T18:57:33.362Z",'
        '"updatedAt":"2026-11-25T18:57:33.362Z","deletedAt": null,"company":"Heap Ltd","person":"P. Marsh",'
        '"title": null,"phone":"+8613912345678","email":"p@heap.example","creditCode": null,"region":"Central",'
        '"industry": null,"employees": null,"product":"Rack R1","need": null,"amount": null,"source":"website",'
        '"lastSource":"website","touches":1,"lastTouchAt":"2026-11-25T18:57:33.362Z","status":"new",'
        '"disqualifiedReason": null,"grade": null,"points": null,"ownerId": null,"teamId": null,"businessLineId": null,'
        '"assignmentRuleId": null,"nextStep": null,"nextStepAt": null,"firstContactAt": null,"lastActivityAt": null,'
        '"convertedAt": null,"accountId": null,"contactId": null,"opportunityId": null,"externalSystem": null,'
        '"externalId": null,"custom":{}},"previous":{},"duplicates":[]}'
    from (select gen_random_uuid()::text as id from generate_series(1, 100)) as made
$statement$) from generate_series(1, :count / 100) \gexec
