-- Every tenant with what it shall be; shared.tenants is what this database has made of it so far.
create table shared.tenant_records (
    id text primary key check (id ~ '^[a-z2-7]{16}$'),
    slug text not null,
    name text not null,
    time_zone text not null,
    currency text not null,
    industry text not null,
    settings jsonb not null default '{}',
    state text not null check (state in ('provisioning', 'active', 'suspended', 'deleting')),
    -- Whether every service has been told of the last change.
    is_settled boolean not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index tenant_records_slug_key on shared.tenant_records (slug);
create index on shared.tenant_records (updated_at) where not is_settled;
grant select, insert, update, delete on shared.tenant_records to {{service_role}};

-- Keys of the people who run the installation.
create table shared.operator_keys (
    id uuid primary key,
    name text not null,
    secret_hash bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz
);
grant select, insert, update on shared.operator_keys to {{service_role}};

-- Private keys that sign tokens. The youngest signs, the others verify until the last token they signed has expired.
create table shared.signing_keys (
    id text primary key,
    private_jwk jsonb not null,
    created_at timestamptz not null
);
grant select, insert, delete on shared.signing_keys to {{service_role}};

-- Whose tokens and keys are not to be believed any more. The epoch's row lock makes revocations visible in their
-- order: who has seen an epoch has seen every one before it.
create table shared.revocation_epoch (epoch bigint not null);
create unique index on shared.revocation_epoch ((true));
insert into shared.revocation_epoch values (0);

create table shared.revocations (
    epoch bigint primary key,
    -- Whose it is follows from the role that writes it; null for operators.
    tenant text default substring(current_user from '_t_([a-z2-7]{16})$'),
    -- A user, an API key, a session, or * for everybody of the tenant.
    subject text not null,
    revoked_at timestamptz not null default now()
);
create index on shared.revocations (revoked_at);

create function shared.number_revocation() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    update shared.revocation_epoch set epoch = epoch + 1 returning epoch into new.epoch;
    return new;
end
$$;
create trigger number_revocation before insert on shared.revocations
    for each row execute function shared.number_revocation();

grant select on shared.revocation_epoch to {{service_role}};
grant insert (subject) on shared.revocations to {{tenants_role}};
grant select, insert, delete on shared.revocations to {{service_role}};

-- In whose schema an API key is to be looked for. Its id is kept as a digest, so that the index says nothing.
create table shared.api_key_index (
    key_hash bytea primary key,
    tenant text not null default substring(current_user from '_t_([a-z2-7]{16})$')
);
create index on shared.api_key_index (tenant);
grant insert (key_hash) on shared.api_key_index to {{tenants_role}};
grant select, delete on shared.api_key_index to {{service_role}};
