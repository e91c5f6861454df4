import Postgres
import Tenancy
import TestKit
import Testing
import Values

/// Every rule of a tenant's fence, tried from a raw connection of the login that requests use.
@Suite struct FenceTests {
    /// Runs `sql` as the tenant's role and answers the code of the error, or nil if it was allowed.
    private func attempt(_ sql: SQL, as tenant: Tenant, _ fixture: TenancyFixture) async throws -> String? {
        try await fixture.raw { session in
            try await session.query(SQL(raw: "set role \(SQL.quoted(fixture.tenants.roles.tenant(tenant.id)))"))
            let outcome: String?
            do {
                try await session.query(sql.unprepared())
                outcome = nil
            } catch let error as PostgresError {
                outcome = error.sqlState
            }
            try await session.query("reset role")
            return outcome
        }
    }

    @Test func aTenantReachesItsOwnRowsAndNothingElse() async throws {
        try await TenancyFixture.with { fixture in
            let (a, b) = (try await fixture.makeTenant("a"), try await fixture.makeTenant("b"))
            _ = try await fixture.tenants.flight(b.id, ["insert into \(b.schema).lead (name) values ('secret')"])
            let allowed: [SQL] = [
                "select * from \(a.schema).lead", "insert into \(a.schema).lead (name) values ('x')",
                "select \(a.schema).shout('a')", "insert into shared.outbox (body) values ('x')",
            ]
            for sql in allowed { #expect(try await attempt(sql, as: a, fixture) == nil, "\(sql)") }

            let other = SQL.literal(fixture.tenants.roles.tenant(b.id))
            let denied: [SQL] = [
                "select * from \(b.schema).lead", "insert into \(b.schema).lead (name) values ('x')",
                "select \(b.schema).shout('a')", "select * from shared.tenants", "select * from shared.migrations",
                // The one SELECT that escapes.
                "select set_config('role', \(raw: other), true), query_to_xml('select 1', true, true, '')",
                "select set_config('role', \(raw: other), true)", "select query_to_xml('select 1', true, true, '')",
                // Names and statistics of others.
                "select * from pg_class", "select * from pg_namespace", "select * from pg_roles",
                "select * from pg_stat_activity", "select * from pg_stat_user_tables", "select * from pg_stats",
                "select * from pg_prepared_statements", "select pg_prepared_statement()",
                "select pg_stat_get_activity(null)", "select * from information_schema.tables",
                "select pg_total_relation_size('\(b.schema).lead'::regclass)",
                "select pg_describe_object('pg_class'::regclass::oid, 1259, 0)", "select pg_get_userbyid(10)",
                "select pg_identify_object('pg_class'::regclass::oid, 1259, 0)", "select pg_current_snapshot()",
                "select pg_relation_filepath('\(b.schema).lead'::regclass)", "select to_regclass('\(b.schema).lead')",
                "select has_table_privilege('\(b.schema).lead', 'select')", "select pg_current_wal_lsn()",
                "select obj_description('pg_class'::regclass, 'pg_class')", "select txid_current_snapshot()",
                "select ts_stat('select to_tsvector(name) from \(b.schema).lead')", "select pg_postmaster_start_time()",
                "select pg_get_serial_sequence('\(b.schema).lead', 'id')", "select pg_get_function_arguments(1)",
                "select pg_sequence_last_value('\(b.schema).lead_id_seq')", "select pg_listening_channels()",
                "update pg_settings set setting = 'x'", "select * from pg_sequences", "select * from pg_settings",
                "select * from pg_description",
                "select * from pg_tables", "select * from pg_indexes", "select * from pg_statistic",
                "select pg_get_replication_slots()", "select pg_blocking_pids(1)", "select lastval()",
                "select pg_sleep(0)", "select setseed(0.5)", "select current_database()",
                // By name, and by number, which asks for no schema.
                "select nextval('\(b.schema).lead_id_seq')", "select setval('\(b.schema).lead_id_seq', 1)",
                "update \(b.schema).lead set name = 'x'", "delete from \(b.schema).lead",
                "truncate \(b.schema).lead",
                "copy \(b.schema).lead to stdout", "explain select * from \(b.schema).lead",
                "analyze \(b.schema).lead", "comment on table \(b.schema).lead is 'x'",
                "alter table \(b.schema).lead add x int", "grant select on \(b.schema).lead to public",
                "create index on \(b.schema).lead (name)", "drop schema \(b.schema) cascade",
                "select count(*) from only \(b.schema).lead", "select * from \(b.schema).lead where 1 / 0 = 1",
                "create view \(a.schema).v as select * from \(b.schema).lead",
                "reassign owned by current_user to \(raw: SQL.quoted(fixture.tenants.roles.tenant(b.id)))",
                "create extension pg_trgm",
                "copy (select 1) to program 'true'", "copy (select 1) to '/tmp/x'",
                // Locks, signals, large objects.
                "select pg_advisory_lock(1)", "select pg_try_advisory_xact_lock(1)", "select pg_notify('a', 'b')",
                "select lo_create(0)", "select pg_terminate_backend(1)",
                "select pg_logical_emit_message(true, 'a', 'b')",
                // Objects of its own.
                "create temporary table x (a int)", "create table \(a.schema).x (a int)", "create schema x",
                "create function \(a.schema).f() returns int language sql as 'select 1'",
                "create table public.x (a int)",
                "do $$ begin null; end $$", "create role x", "drop table \(a.schema).lead",
                // The outbox: not as another, not with a forged transaction, not to be read.
                "insert into shared.outbox (tenant, body) values ('b', 'x')",
                "insert into shared.outbox (txid, body) values ('1', 'x')",

                "insert into shared.outbox (body) values ('x') returning id", "select * from shared.outbox",
                "select last_value from shared.outbox_id_seq", "select nextval('shared.outbox_id_seq')",
                "select * from shared.inbox",
            ]
            for sql in denied {
                let state = try await attempt(sql, as: a, fixture)
                #expect(state == SQLState.insufficientPrivilege, "\(sql): \(state ?? "allowed")")
            }
            #expect(
                try await attempt("insert into shared.outbox (id, body) values (1, 'x')", as: a, fixture) == "428C9")
            // Not stacked: the extended protocol takes one statement.
            #expect(try await attempt("select 1; set role none", as: a, fixture) == "42601")
        }
    }

    @Test func aLoginAloneMayNothing() async throws {
        try await TenancyFixture.with { fixture in
            let a = try await fixture.makeTenant("a")
            let roles = fixture.tenants.roles
            for login in [roles.appLogin(1), roles.consumerLogin, roles.relayLogin, roles.provisionLogin] {
                for sql: SQL in ["select * from \(a.schema).lead", "select * from shared.tenants"] {
                    let error = await #expect(throws: PostgresError.self) {
                        try await fixture.raw(login) { try await $0.query(sql) }
                    }
                    #expect(error?.sqlState == SQLState.insufficientPrivilege, "\(login): \(sql)")
                }
            }
            for (login, role) in [
                (roles.relayLogin, roles.tenant(a.id)), (roles.appLogin(1), roles.owner),
                (roles.consumerLogin, roles.owner),
            ] {
                let error = await #expect(throws: PostgresError.self) {
                    try await fixture.raw(login) { try await $0.query(SQL(raw: "set role \(SQL.quoted(role))")) }
                }
                #expect(error?.sqlState == SQLState.insufficientPrivilege, "\(login) as \(role)")
            }
            let path: String = try await fixture.raw { try await $0.query("show search_path") }.single().get(0)
            #expect(path == "pg_catalog")
        }
    }

    /// Whoever makes tenants makes their roles and no others, and takes none that is not his.
    @Test func theProvisioningLoginMakesTenantsRolesOnly() async throws {
        try await TenancyFixture.with { fixture in
            let roles = fixture.tenants.roles
            let tenant = try await fixture.makeTenant("a")
            let role = SQL.quoted(roles.tenant(tenant.id))
            let denied: [(login: String, taking: String?, sql: String, code: String)] = [
                (roles.provisionLogin, nil, "create role guanxi_other", "42501"),
                (roles.provisionLogin, nil, "grant pg_execute_server_program to \(roles.provisionLogin)", "42501"),
                (roles.provisionLogin, nil, "alter role \(roles.provisionLogin) createrole", "42501"),
                (roles.provisionLogin, nil, "drop role \(role)", "42501"),
                (roles.provisionLogin, roles.owner, "create role guanxi_other", "42501"),
                (roles.provisionLogin, roles.owner, "select shared.make_tenant_role('x; drop', 1)", "22023"),
                (roles.provisionLogin, roles.owner, "select shared.make_tenant_role(null, 1)", "22023"),
                (roles.provisionLogin, roles.owner, "select shared.make_tenant_role('\(tenant.id)', 0)", "22023"),
                (roles.provisionLogin, roles.owner, "select shared.make_app_login(null, 'x')", "22023"),
                // It has rights on its tables.
                (roles.provisionLogin, roles.owner, "select shared.drop_tenant_role('\(tenant.id)')", "2BP01"),
                (
                    roles.provisionLogin, roles.owner, "alter function shared.drop_tenant_role owner to current_user",
                    "42501"
                ),
                (roles.appLogin(1), roles.service, "select shared.make_tenant_role('\(tenant.id)', 1)", "42501"),
                (roles.appLogin(1), roles.tenant(tenant.id), "select shared.make_app_login(2, 'x')", "42501"),
                (roles.consumerLogin, roles.events, "select shared.drop_tenant_role('\(tenant.id)')", "42501"),
            ]
            for (login, taken, sql, code) in denied {
                let found: String? = try await fixture.raw(login) { session in
                    if let taken { try await session.query(SQL(raw: "set role \(SQL.quoted(taken))").unprepared()) }
                    let error = await #expect(throws: PostgresError.self) {
                        try await session.query(SQL(raw: sql).unprepared())
                    }
                    try await session.query("reset role")
                    return error?.sqlState
                }
                #expect(found == code, "\(login) as \(taken ?? "itself"): \(sql)")
            }
        }
    }

    /// The release before made roles by itself: it may until an operator says that it does not run any more.
    @Test func anEarlierReleaseKeepsItsRightUntilTheContract() async throws {
        try await TenancyFixture.with { fixture in
            let roles = fixture.tenants.roles
            #expect(try await fixture.provisioner.inspectFences().isEmpty)
            try await fixture.server.administer(
                SQL(raw: "alter role \(SQL.quoted(roles.provisionLogin)) createrole"))
            func migrate(contracts: Bool) async throws -> [String] {
                _ = try await Bootstrap(
                    superuser: fixture.server.superuser, loginPassword: nil, contracts: contracts,
                    group: fixture.tenants.database.group
                ).prepare(database: roles.database, sets: TenancyFixture.sets())
                return try await fixture.provisioner.inspectFences().map(\.detail)
            }
            let kept = try await migrate(contracts: false)
            #expect(
                kept.count == 1
                    && kept[0].hasSuffix("run guanxi migrate --contract when no earlier release runs any more"))
            #expect(try await migrate(contracts: true).isEmpty)
        }
    }

    @Test func theOutboxKnowsWhoWrote() async throws {
        try await TenancyFixture.with { fixture in
            let (a, b) = (try await fixture.makeTenant("a"), try await fixture.makeTenant("b"))
            for tenant in [a, b] {
                _ = try await fixture.tenants.flight(
                    tenant.id, ["insert into shared.outbox (body) values (\(tenant.slug))"])
            }
            let rows = try await fixture.tenants.database.query(
                "select tenant, body, txid from shared.outbox order by id", role: fixture.tenants.outboxRole)
            #expect(try rows.map { try $0.get("tenant") } == [a, b].map { fixture.tenants.roles.tenant($0.id) })
            #expect(try rows.map { try $0.get("body") } == ["a", "b"])
        }
    }

    @Test func aConsumerWritesManyTenantsAndItsInboxTogether() async throws {
        try await TenancyFixture.with { fixture in
            let (a, b) = (try await fixture.makeTenant("a"), try await fixture.makeTenant("b"))
            try await fixture.tenants.consume { transaction in
                for tenant in [a, b] {
                    let tx = transaction.tenant(tenant)
                    try await tx.query("insert into \(tx.schema).lead (name) values (\(tenant.slug))")
                }
                try await transaction.events().query("insert into shared.inbox values ('a', 'x', 1)")
            }
            for tenant in [a, b] {
                let name: String = try await fixture.tenants.query(tenant.id, "select name from \(tenant.schema).lead")
                    .single().get(0)
                #expect(name == tenant.slug)
            }
            // Under one tenant's role another's rows stay closed, in the same transaction.
            let error = await #expect(throws: PostgresError.self) {
                try await fixture.tenants.consume { transaction in
                    try await transaction.tenant(a).query("select * from \(b.schema).lead")
                }
            }
            #expect(error?.sqlState == SQLState.insufficientPrivilege)
        }
    }
}
