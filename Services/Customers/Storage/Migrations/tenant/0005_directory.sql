-- Copies of the directory's people, from its events.
create table {{schema}}.users (
    id uuid primary key,
    name text not null,
    login text not null,
    email text,
    team_id uuid,
    active boolean not null
);
grant select, insert, update on {{schema}}.users to {{role}};
-- Who manages a team sees what its people own.
create index on {{schema}}.accounts (team_id, created_at desc);
create index on {{schema}}.contacts (owner_id, created_at desc);
create index on {{schema}}.contacts (team_id, created_at desc);
create index on {{schema}}.orders (owner_id) where owner_id is not null;
create index on {{schema}}.orders (team_id) where team_id is not null;
