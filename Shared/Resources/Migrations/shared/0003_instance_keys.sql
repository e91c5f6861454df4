-- Public keys of the running instances of this service, by which others verify what these sign in its name.
create table shared.instance_keys (
    id text primary key,
    public_jwk jsonb not null,
    seen_at timestamptz not null
);
grant select, insert, update, delete on shared.instance_keys to {{service_role}};
