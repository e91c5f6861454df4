alter table {{schema}}.accounts add column kind text not null default 'company';
-- Keys say of what kind they are; those of phone, e-mail and credit code come with each account's next change.
update {{schema}}.accounts set match_keys = array(select 'name:' || key from unnest(match_keys) as key);
alter table {{schema}}.contacts add column match_keys text[] not null default '{}';

-- How duplicates of accounts and of an account's contacts are treated; one row.
create table {{schema}}.duplicate_policy (
    id boolean primary key default true check (id),
    policy jsonb not null
);
grant select, insert, update on {{schema}}.duplicate_policy to {{role}};
