-- Rules of assignment and grading.
create table {{schema}}.assignment_rules (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    name text not null,
    position bigint not null,
    business_line_id uuid,
    "when" jsonb,
    assign jsonb not null,
    active boolean not null,
    custom jsonb not null
);
grant select, insert, update on {{schema}}.assignment_rules to {{role}};

create table {{schema}}.grade_rules (
    id uuid primary key,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    name text not null,
    business_line_id uuid,
    "when" jsonb,
    points bigint not null,
    active boolean not null,
    custom jsonb not null
);
grant select, insert, update on {{schema}}.grade_rules to {{role}};

-- From which points a grade begins.
create table {{schema}}.grade_thresholds (
    id boolean primary key default true check (id),
    value jsonb not null
);
grant select, insert, update on {{schema}}.grade_thresholds to {{role}};

-- Whose turn it was in each team.
create table {{schema}}.turns (
    team_id uuid primary key,
    user_id uuid not null
);
grant select, insert, update on {{schema}}.turns to {{role}};

-- Copies of the directory's people, from its events.
create table {{schema}}.users (
    id uuid primary key,
    login text not null,
    email text,
    team_id uuid,
    active boolean not null
);
grant select, insert, update on {{schema}}.users to {{role}};
