-- Attempts to log in where no tenant is, counted like those of tenants, so that they look alike.
create table shared.login_attempts (
    login text primary key,
    failures int not null,
    last_at timestamptz not null,
    locked_until timestamptz
);
create index on shared.login_attempts (last_at);
grant select, insert, update, delete on shared.login_attempts to {{service_role}};
