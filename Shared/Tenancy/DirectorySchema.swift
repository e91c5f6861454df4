import Postgres

/// The tables of tenancy itself in schema `shared`.
enum DirectorySchema {
    static func migrations() throws(MigrationError) -> MigrationSet {
        try MigrationSet(name: "tenancy", shared: [Migration(number: 1, name: "directory", text: directory)])
    }

    /// What there must be before any migration can be recorded.
    static func base(_ roles: RoleNames) -> [SQL] {
        let insiders = [roles.tenants, roles.service, roles.events, roles.outbox].map(SQL.quoted)
        return SQLScript(
            """
            create schema if not exists shared authorization \(SQL.quoted(roles.owner));
            grant usage on schema shared to \(insiders.joined(separator: ", "));
            create table if not exists shared.migrations (
                set text not null,
                number int not null,
                name text not null,
                checksum text not null,
                applied_at timestamptz not null default now(),
                primary key (set, number)
            );
            alter table shared.migrations owner to \(SQL.quoted(roles.owner));
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
}
