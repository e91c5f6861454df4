create table {{schema}}.users (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    login text not null,
    name text not null,
    email text,
    phone text,
    role text not null,
    team_id uuid,
    manager_id uuid,
    status text not null,
    language text not null,
    search text not null default '',
    custom jsonb not null default '{}'
);
create unique index users_login_key on {{schema}}.users (lower(login)) where deleted_at is null;
create index on {{schema}}.users (created_at, id);
create index on {{schema}}.users (team_id);

create table {{schema}}.teams (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    name text not null,
    parent_id uuid,
    manager_id uuid,
    region text,
    custom jsonb not null default '{}'
);
create unique index teams_name_key on {{schema}}.teams (lower(name)) where deleted_at is null;
create index on {{schema}}.teams (parent_id);
create index on {{schema}}.teams (manager_id);

create table {{schema}}.business_lines (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    key text not null,
    name text not null,
    region text,
    is_active boolean not null,
    custom jsonb not null default '{}'
);
create unique index business_lines_key_key on {{schema}}.business_lines (lower(key)) where deleted_at is null;

-- scrypt hashes; apart from users, whose rows are shown and copied.
create table {{schema}}.credentials (
    user_id uuid primary key references {{schema}}.users,
    password_hash text not null,
    changed_at timestamptz not null
);

-- By what was typed, whether there is such a user or not, so that a lock tells nobody who exists.
create table {{schema}}.login_attempts (
    login text primary key,
    failures int not null,
    last_at timestamptz not null,
    locked_until timestamptz
);

create table {{schema}}.sessions (
    id uuid primary key,
    user_id uuid not null references {{schema}}.users,
    refresh_hash bytea not null,
    created_at timestamptz not null,
    refreshed_at timestamptz not null,
    expires_at timestamptz not null
);
create index on {{schema}}.sessions (user_id);
create index on {{schema}}.sessions (expires_at);

create table {{schema}}.password_resets (
    user_id uuid primary key references {{schema}}.users,
    id uuid not null,
    secret_hash bytea not null,
    created_by text not null,
    expires_at timestamptz not null
);
create unique index on {{schema}}.password_resets (id);

create table {{schema}}.api_keys (
    id uuid primary key,
    name text not null,
    role text not null,
    -- Empty: everything that the role may.
    scopes text[] not null,
    secret_hash bytea not null,
    created_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz
);
