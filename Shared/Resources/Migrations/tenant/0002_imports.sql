-- Imports of files of rows: the file as it came, how far it is, and what became of each row.
create table {{schema}}.imports (
    id uuid primary key,
    collection text not null,
    -- `receiving` until the whole file is here.
    status text not null check (status in ('receiving', 'queued', 'running', 'done', 'failed')),
    encoding text,
    mapping jsonb not null,
    principal jsonb not null,
    created_by text not null,
    rows bigint not null default 0,
    created bigint not null default 0,
    existing bigint not null default 0,
    refused bigint not null default 0,
    ignored_columns text[] not null default '{}',
    error jsonb,
    -- Takings without a row done since.
    attempts integer not null default 0,
    leased_until timestamptz,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz
);
create index on {{schema}}.imports (created_at) where status in ('receiving', 'queued', 'running');
grant select, insert, update, delete on {{schema}}.imports to {{role}};

create table {{schema}}.import_chunks (
    import_id uuid not null references {{schema}}.imports on delete cascade,
    position integer not null,
    bytes bytea not null,
    primary key (import_id, position)
);
grant select, insert, delete on {{schema}}.import_chunks to {{role}};

-- The key is what makes a row impossible to do twice: its result commits with its effect.
create table {{schema}}.import_rows (
    import_id uuid not null references {{schema}}.imports on delete cascade,
    row bigint not null,
    line bigint not null,
    status text not null check (status in ('created', 'existing', 'refused')),
    record_id uuid,
    error jsonb,
    primary key (import_id, row)
);
create index on {{schema}}.import_rows (import_id, status, row);
grant select, insert, delete on {{schema}}.import_rows to {{role}};
