-- A word that is this tenant's alone. Whoever finds it anywhere else has found a leak: `guanxi isolation verify`.
create table {{schema}}.canary (
    word text not null default 'gxcanary' || replace(gen_random_uuid()::text, '-', '')
);
create unique index on {{schema}}.canary ((true));
revoke insert, update, delete on {{schema}}.canary from {{role}};
insert into {{schema}}.canary default values;
insert into shared.canaries (tenant, word) select substring('{{schema}}' from 3), word from {{schema}}.canary;
