-- Events of new leads, all at once, by the tenant's own role: as many transactions, so that none of the relay's work
-- is saved by their being one. Ids are of version 7, as the services' are: the later the greater.
set role "{{role}}";
select format($statement$
    insert into shared.outbox (
        event_id, source, type, aggregate_type, aggregate_id, sequence, occurred_at, traceparent, actor, data)
    select event_id, '/leads', 'lead.created', 'lead', id, 1, now(),
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
    from (
        select (head || substr(md5(n || 'event' || random()), 1, 3) || 'b' || substr(md5(random()::text), 1, 15))::uuid
            as event_id,
            (head || substr(md5(n || 'lead' || random()), 1, 3) || 'b' || substr(md5(random()::text), 1, 15))::uuid::text
            as id
        from (select n, lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' as head
            from generate_series(1, 100) as n) as times
    ) as made
$statement$) from generate_series(1, :count / 100) \gexec
