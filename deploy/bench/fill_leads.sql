-- Fills a tenant's leads up, as years of work would leave them. Secondary indexes are made after the rows: it is the
-- table that is measured, not this.
create temporary table remade as
    select indexname, indexdef from pg_indexes
    where schemaname = '{{schema}}' and tablename = 'leads' and indexname not in ('leads_pkey', 'leads_external_id_key')
        and :count > 100000;
select format('drop index "{{schema}}".%I', indexname) from remade \gexec
insert into "{{schema}}".leads (
    id, version, created_at, updated_at, company, person, phone, email, region, industry, product, source, last_source,
    touches, last_touch_at, status, grade, points, owner_id, team_id, external_system, external_id, custom, search,
    match_keys)
select
    ('0190' || lpad(n::text, 12, '0') || '8000' || substring(md5(n::text) for 12))::uuid, 1 + n % 4, at, at,
    format('%s %s %s', word, n, form), format('%s. Marsh', chr(65 + n % 26)), phone, email,
    (array['Central', 'East', 'West', 'North', 'South'])[1 + n % 5],
    (array['retail', 'software', 'medical', 'finance'])[1 + n % 4], format('Rack R%s', n % 9), source, source, 1, at,
    (array['new', 'contacted', 'qualifying', 'qualified', 'converted', 'disqualified'])[1 + (n / 5) % 6],
    (array['A', 'B', 'C', 'D'])[1 + (n / 7) % 4], n % 100,
    ('0191000000007000800000000000' || lpad((n % 200)::text, 4, '0'))::uuid,
    ('0192000000007000800000000000' || lpad((n % 20)::text, 4, '0'))::uuid, 'bench-fill', n::text, '{}',
    lower(format('%s %s %s %s. marsh   %s %s', word, n, form, chr(65 + n % 26), phone, email)),
    array[
        'externalId:bench-fill' || chr(31) || n, 'phone:' || phone, 'email:' || email,
        format('companyProduct:%s %s', n, lower(word)) || chr(31) || 'rackr' || n % 9,
        format('company:%s %s', n, lower(word))]
from generate_series(1, :count) as n,
    lateral (
        select now() - n * interval '2 minutes' as at, '+8615' || lpad(n::text, 9, '0') as phone,
            format('p%s@fill%s.example', n, n % 1000) as email,
            (array['website', 'fair', 'referral', 'partner', 'map', 'advert'])[1 + (n / 11) % 6] as source,
            (array['Harbour', 'Kestrel', 'Lantern', 'Meridian', 'Orchard', 'Pioneer', 'Quarry', 'Summit'])[1 + n % 8]
                || ' ' || substring(md5((n / 3)::text) for 6) as word,
            (array['Ltd', 'Inc', 'GmbH'])[1 + n % 3] as form
    ) as made
on conflict do nothing;
select indexdef from remade \gexec
vacuum analyze "{{schema}}".leads;
