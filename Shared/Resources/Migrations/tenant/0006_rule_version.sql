-- A tenant without a number has no triggers yet, and what is kept of its rules is read again each second. With one that is
-- new it is right also after a move, which brings the rules without a trigger's notice.
insert into shared.rule_versions as v (tenant, version)
values (substring('{{schema}}' from 3), (extract(epoch from clock_timestamp()) * 1000000)::bigint)
on conflict (tenant) do update set version = greatest(v.version + 1, excluded.version);
