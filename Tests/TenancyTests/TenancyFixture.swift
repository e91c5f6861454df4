import Postgres
import Runtime
import Tenancy
import TestKit
import Values

/// A service's database as bootstrap makes it, with one table for each tenant and an outbox for all.
struct TenancyFixture: Sendable {
    let server: TestPostgres
    let tenants: TenantDatabase
    let provisioner: TenantProvisioner

    static let outbox = Migration(
        number: 1, name: "outbox",
        text: """
            create table shared.outbox (
                id bigint generated always as identity primary key,
                tenant text not null default current_user,
                txid xid8 not null default pg_current_xact_id(),
                body text not null
            );
            grant insert (body) on shared.outbox to {{tenants_role}};
            grant select, delete on shared.outbox to {{outbox_role}};
            create table shared.inbox (tenant text, aggregate text, sequence bigint, primary key (tenant, aggregate));
            grant select, insert, update on shared.inbox to {{events_role}};
            """)

    static let lead = Migration(
        number: 1, name: "lead",
        text: """
            create table {{schema}}.lead (id bigint generated always as identity primary key, name text not null);
            create function {{schema}}.shout(word text) returns text language sql immutable as $$ select upper(word) $$;
            """)

    static func sets(tenant: [Migration] = [lead]) throws -> [MigrationSet] {
        [try MigrationSet(name: "test", shared: [outbox], tenant: tenant)]
    }

    /// The service's database with the loops of its own.
    static func with(
        sets: [MigrationSet]? = nil, _ body: @escaping @Sendable (TenancyFixture) async throws -> Void
    ) async throws {
        let server = try await TestPostgres.shared()
        let name = server.freshName()
        let group = EventLoopGroup(count: 1, name: "tenancy")
        let sets = try sets ?? Self.sets()
        try await Bootstrap(superuser: server.superuser, loginPassword: nil, group: group)
            .prepare(database: name, sets: sets)
        let database = PostgresDatabase(
            group: group, configuration: server.superuser.with(database: name, login: "none"))
        let tenants = TenantDatabase(database: database)
        let fixture = TenancyFixture(
            server: server, tenants: tenants, provisioner: TenantProvisioner(tenants, sets: sets))
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(fixture))
        } catch {
            outcome = .failure(error)
        }
        await database.close()
        await group.shutdown()
        try await server.administer(SQL(raw: "drop database \(name) with (force)"))
        try outcome.get()
    }

    func makeTenant(_ slug: String) async throws -> Tenant {
        try await provisioner.provision(TenantDescription(slug: slug, name: slug))
    }

    /// A raw connection of a login, without `begin` and role.
    func raw<Value: Sendable>(
        _ login: String? = nil, _ body: @escaping @Sendable (PostgresSession) async throws -> Value
    ) async throws -> Value {
        try await tenants.database.withConnection(login: login ?? tenants.roles.appLogin(1), body)
    }
}
