import Postgres

/// The tables of tenancy itself in schema `shared`.
enum DirectorySchema {
    static func migrations() throws(MigrationError) -> MigrationSet {
        try MigrationSet(
            name: "tenancy",
            shared: [
                Migration(number: 1, name: "directory", text: directory),
                Migration(number: 2, name: "changes", text: changes),
                Migration(number: 3, name: "restored", text: restored),
                Migration(number: 4, name: "servers", text: servers),
                Migration(number: 5, name: "moves", text: moves),
            ])
    }

    static func schema(_ roles: RoleNames) -> [SQL] {
        let insiders = [roles.tenants, roles.service, roles.events, roles.outbox].map(SQL.quoted)
        return SQLScript(
            """
            create schema if not exists shared authorization \(SQL.quoted(roles.owner));
            grant usage on schema shared to \(insiders.joined(separator: ", "));
            """
        ).statements
    }

    /// What there must be before any migration can be recorded. Leaves the transaction to the owner.
    static func base(_ roles: RoleNames) -> [SQL] {
        SQLScript(
            """
            set local role \(SQL.quoted(roles.owner));
            create table if not exists shared.migrations (
                set text not null,
                number int not null,
                name text not null,
                checksum text not null,
                applied_at timestamptz not null default now(),
                primary key (set, number)
            );
            grant select on shared.migrations to \(SQL.quoted(roles.service));
            """
        ).statements
    }

    private static let directory = """
        create table shared.tenants (
            id text primary key check (id ~ '^[a-z2-7]{16}$'),
            slug text not null unique,
            name text not null,
            status text not null default 'active' check (status in ('active', 'suspended')),
            time_zone text not null,
            currency text not null,
            industry text not null,
            created_at timestamptz not null default now(),
            settings jsonb not null default '{}',
            -- The last migration of each set that the schema has had.
            schema_version jsonb not null,
            -- Which of the service's logins may take the role.
            login int not null
        );
        create index on shared.tenants (login);

        -- Grows with each change; its row lock makes the changes of the directory one after the other, so that a
        -- reader who knows the number knows everything up to it.
        create table shared.directory_epoch (epoch bigint not null);
        create unique index on shared.directory_epoch ((true));
        insert into shared.directory_epoch values (0);

        create function shared.directory_changed() returns trigger language plpgsql as $$
        begin
            update shared.directory_epoch set epoch = epoch + 1;
            return null;
        end
        $$;
        create trigger directory_changed after insert or update or delete on shared.tenants
            for each statement execute function shared.directory_changed();

        grant select on shared.tenants, shared.directory_epoch to {{service_role}}, {{events_role}};
        """

    /// Each tenant carries the epoch of its last change, so that a reader takes only what is newer than it knows.
    private static let changes = """
        drop trigger directory_changed on shared.tenants;
        drop function shared.directory_changed();
        alter table shared.tenants add column epoch bigint not null default 0;
        create index on shared.tenants (epoch);

        -- Tenants that are gone: whoever knew them learns it from here.
        create table shared.departed_tenants (id text primary key, epoch bigint not null);
        create index on shared.departed_tenants (epoch);

        create function shared.number_tenant() returns trigger language plpgsql as $$
        begin
            update shared.directory_epoch set epoch = epoch + 1 returning epoch into new.epoch;
            return new;
        end
        $$;
        -- Not for schema_version: a migration of all tenants is no change that a reader must know of.
        create trigger number_tenant
            before insert or update of slug, name, status, time_zone, currency, industry, settings, login
            on shared.tenants for each row execute function shared.number_tenant();

        create function shared.note_departure() returns trigger language plpgsql as $$
        declare
            number bigint;
        begin
            update shared.directory_epoch set epoch = epoch + 1 returning epoch into number;
            insert into shared.departed_tenants (id, epoch) values (old.id, number)
            on conflict (id) do update set epoch = excluded.epoch;
            return null;
        end
        $$;
        create trigger note_departure after delete on shared.tenants
            for each row execute function shared.note_departure();

        grant select on shared.departed_tenants to {{service_role}}, {{events_role}};
        """

    private static let servers = """
        -- On which PostgreSQL server the tenant's schema is; empty for this one.
        alter table shared.tenants add column server text not null default '';
        drop trigger number_tenant on shared.tenants;
        create trigger number_tenant
            before insert or update of slug, name, status, time_zone, currency, industry, settings, login, server
            on shared.tenants for each row execute function shared.number_tenant();
        """

    /// Tenants that go from this server to another, and what was written to them since their rows were copied.
    private static let moves = """
        create table shared.moves (
            tenant text primary key,
            -- A server's name; `home` for the one that has the directory.
            target text not null,
            -- fenced: nobody writes here any more, and everything it has is to be there.
            state text not null default 'copying' check (state in ('copying', 'fenced')),
            -- How far each consumer was then.
            offsets jsonb not null default '[]',
            begun_at timestamptz not null default now()
        );
        create table shared.moved_rows (
            id bigint generated always as identity primary key,
            tenant text not null,
            relation text not null,
            key jsonb not null
        );
        create index on shared.moved_rows (tenant, relation);

        -- Notes which row was written. Its arguments: the tenant, the columns of the table's key.
        create function shared.note_moved() returns trigger
        language plpgsql security definer set search_path = pg_catalog as $$
        declare
            row jsonb;
        begin
            if tg_op <> 'INSERT' then
                row := to_jsonb(old);
                insert into shared.moved_rows (tenant, relation, key)
                select tg_argv[0], tg_table_name, jsonb_object_agg(k, row -> k) from unnest(tg_argv[1:]) as k;
            end if;
            if tg_op <> 'DELETE' then
                row := to_jsonb(new);
                insert into shared.moved_rows (tenant, relation, key)
                select tg_argv[0], tg_table_name, jsonb_object_agg(k, row -> k) from unnest(tg_argv[1:]) as k;
            end if;
            return null;
        end
        $$;
        revoke execute on function shared.note_moved() from public;
        """

    private static let restored = """
        -- Tenants that came from a backup, and how far. Only the owner reads it.
        create table shared.restored_tenants (
            tenant text primary key references shared.tenants on delete cascade,
            -- Of which tenant it is a copy, in the end: rows of both may have the same ids.
            origin text not null,
            backup text not null,
            state text not null default 'made' check (state in ('made', 'filled', 'released')),
            made_at timestamptz not null default now()
        );
        """
}
