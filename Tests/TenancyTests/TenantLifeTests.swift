import JSON
import Postgres
import Runtime
import Tenancy
import TestKit
import Testing
import Values

@Suite struct TenantLifeTests {
    @Test func fortyTablesAreMadeInOneTransaction() async throws {
        let tables = (1...40).map { number in
            """
            create table {{schema}}.t\(number) (id uuid primary key, a text, b text, c timestamptz);
            create index on {{schema}}.t\(number) (a);
            create index on {{schema}}.t\(number) (b, c);
            create index on {{schema}}.t\(number) (c);
            """
        }
        let migration = Migration(number: 1, name: "tables", text: tables.joined(separator: "\n"))
        try await TenancyFixture.with(sets: TenancyFixture.sets(tenant: [migration])) { fixture in
            let time = try await ContinuousClock().measure { _ = try await fixture.makeTenant("forty") }
            // The promise is under 300 ms on a quiet machine; here other tests use the same processors.
            print("a tenant of 40 tables and 120 indexes was made in \(time)")
            let tenant = try #require(fixture.tenants.directory.all.first { $0.slug == "forty" })
            let tables = try await fixture.tenants.query(tenant.id, "select id, a, b, c from \(schema: tenant.id).t40")
            #expect(tables.isEmpty)
        }
    }

    @Test func provisioningTwiceIsOnceAndSlugsAreUnique() async throws {
        try await TenancyFixture.with { fixture in
            let description = TenantDescription(slug: "a", name: "A", settings: ["x": 1])
            let first = try await fixture.provisioner.provision(description)
            #expect(try await fixture.provisioner.provision(description) == first)
            #expect(try await fixture.provisioner.plan().isEmpty)
            await #expect(throws: TenancyError.slugTaken("a")) { try await fixture.makeTenant("a") }
            #expect(fixture.tenants.directory.all == [first])
        }
    }

    @Test func suspensionIsSeenByOtherProcesses() async throws {
        try await TenancyFixture.with { fixture in
            let tenant = try await fixture.makeTenant("a")
            // A directory of its own, as another process has it.
            let elsewhere = TenantDatabase(database: fixture.tenants.database)
            try await withThrowingTaskGroup { group in
                group.addTask { try await elsewhere.directory.run() }
                #expect(try await elsewhere.query(tenant.id, "select 1").count == 1)
                try await fixture.provisioner.suspend(tenant.id)
                await #expect(throws: TenancyError.suspended(tenant.id)) {
                    try await fixture.tenants.query(tenant.id, "select 1")
                }
                let suspended = ContinuousClock.now
                while (try? await elsewhere.directory.active(tenant.id)) != nil {
                    try await Task.sleep(for: .milliseconds(5))
                }
                #expect(suspended.duration(to: .now) < .seconds(10))
                try await fixture.provisioner.resume(tenant.id)
                #expect(try await fixture.tenants.query(tenant.id, "select 1").count == 1)
                group.cancelAll()
            }
        }
    }

    /// Of many who ask when it is too long ago that somebody looked, one looks.
    @Test func aDirectoryThatIsOldIsLookedThroughOnceForAllWhoAsk() async throws {
        try await TenancyFixture.with { fixture in
            let tenant = try await fixture.makeTenant("a")
            let database = fixture.tenants.database
            let count = 2 * (database.configuration.waitersPerLoop + database.configuration.connectionsPerLoop)
            let found = try await withTaskExecutorPreference(database.group.next()) {
                try await withThrowingTaskGroup(of: Tenant.self) { group in
                    for _ in 0..<count {
                        group.addTask { try await fixture.tenants.directory.find(tenant.id, now: .now + .seconds(9)) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(found == Array(repeating: tenant, count: count))
        }
    }

    @Test func aDirectoryReadsWhatChangedAndForgetsWhatWent() async throws {
        try await TenancyFixture.with { fixture in
            let provisioner = fixture.provisioner
            // A directory of its own, as another process has it.
            let elsewhere = TenantDatabase(database: fixture.tenants.database).directory
            let (a, b) = (try await fixture.makeTenant("a"), try await fixture.makeTenant("b"))
            try await elsewhere.refresh()
            #expect(elsewhere.all == [a, b])
            // One takes over the slug that another gives up.
            var (first, second) = (a.description, b.description)
            (first.slug, second.slug) = ("c", "a")
            try await provisioner.update(first)
            try await provisioner.update(second)
            #expect(try await elsewhere.named("a")?.id == b.id)
            #expect(try await elsewhere.named("c")?.id == a.id)
            #expect(try await elsewhere.named("b") == nil)
            try await provisioner.drop(b.id)
            let d = try await fixture.makeTenant("d")
            #expect(try await elsewhere.named("a") == nil)
            #expect(elsewhere.all.map(\.id) == [a.id, d.id])
            // One that went and came again within one look, as on a server it was moved from and back to.
            _ = try await fixture.raw(fixture.server.superuser.login) { session in
                try await session.query(
                    SQL(
                        raw: """
                            do $$ declare entry shared.tenants; begin
                                delete from shared.tenants where id = '\(a.id)' returning * into entry;
                                insert into shared.tenants values (entry.*);
                            end $$
                            """
                    ).unprepared())
            }
            try await elsewhere.refresh()
            #expect(elsewhere.all.map(\.slug) == ["c", "d"])
            // A migration of all of them is no change.
            let epoch: SQL = "select epoch from shared.directory_epoch"
            let role = fixture.tenants.serviceRole
            let before: Int64 = try await fixture.tenants.database.query(epoch, role: role).single().get(0)
            let phone = Migration(number: 2, name: "phone", text: "alter table {{schema}}.lead add phone text")
            let newer = TenantProvisioner(
                fixture.tenants, sets: try TenancyFixture.sets(tenant: [TenancyFixture.lead, phone]))
            #expect(try await newer.migrateAll().migrated.count == 2)
            #expect(try await fixture.tenants.database.query(epoch, role: role).single().get(0) == before)
        }
    }

    @Test func aDroppedTenantLeavesNothing() async throws {
        try await TenancyFixture.with { fixture in
            let (a, b) = (try await fixture.makeTenant("a"), try await fixture.makeTenant("b"))
            try await fixture.provisioner.drop(a.id)
            try await fixture.provisioner.drop(a.id)
            await #expect(throws: TenancyError.unknown(a.id)) { try await fixture.tenants.query(a.id, "select 1") }
            #expect(try await fixture.tenants.query(b.id, "select 1 from \(b.schema).lead").isEmpty)
            let left = try await fixture.server.administer(
                "select 1 from pg_roles where rolname = '\(raw: fixture.tenants.roles.tenant(a.id))'")
            #expect(left.isEmpty)
        }
    }

    @Test func migrationsTouchOnlyThoseBehindAndResume() async throws {
        try await TenancyFixture.with { fixture in
            let tenants = [
                try await fixture.makeTenant("a"), try await fixture.makeTenant("b"),
                try await fixture.makeTenant("c"),
            ]
            let second = Migration(
                number: 2, name: "phone", text: "alter table {{schema}}.lead add phone text not null default ''")
            let newer = TenantProvisioner(
                fixture.tenants, sets: try TenancyFixture.sets(tenant: [TenancyFixture.lead, second]))
            #expect(try await newer.plan().count == 3)
            // The third is in use, so it stays behind; the next run takes it alone.
            let busy = tenants[2]
            try await fixture.tenants.write(busy.id) { tx in
                try await tx.query("insert into \(tx.schema).lead (name) values ('x')")
                let report = try await newer.migrateAll(lockTimeout: .milliseconds(20))
                #expect(Set(report.migrated) == Set(tenants.prefix(2).map(\.id)))
                #expect(Array(report.failed.keys) == [busy.id])
            }
            #expect(try await newer.plan() == [busy.id])
            #expect(try await newer.migrateAll().migrated == [busy.id])
            #expect(try await newer.migrateAll().migrated.isEmpty)
            let phone = try await fixture.tenants.query(busy.id, "select phone from \(busy.schema).lead")
            #expect(try phone.single().get(0) == "")
            // A program that does not know the second migration yet finds nothing to do either.
            #expect(try await fixture.provisioner.plan().isEmpty)
        }
    }

    @Test func whatIsRepeatedIsDoneInBatchesWhileOthersWriteAndResumes() async throws {
        try await TenancyFixture.with { fixture in
            let tenant = try await fixture.makeTenant("large")
            let table: SQL = "\(tenant.schema).lead"
            _ = try await fixture.tenants.write(tenant.id) { tx in
                try await tx.query("insert into \(table) (name) select 'lead' from generate_series(1, 5)")
            }
            let filling = Migration(
                number: 2, name: "shout", text: "update {{schema}}.lead set name = upper(name)",
                repeated: """
                    update {{schema}}.lead set name = upper(name) where id in (
                        select id from {{schema}}.lead where name <> upper(name) order by id limit 2 for update)
                    returning id
                    """)
            let newer = TenantProvisioner(
                fixture.tenants, sets: try TenancyFixture.sets(tenant: [TenancyFixture.lead, filling]))
            @Sendable func filled() async throws -> Int64 {
                try await fixture.tenants.query(tenant.id, "select count(*) from \(table) where name = 'LEAD'")
                    .single().get(0)
            }
            // Who writes the last one holds up its batch alone; the others are written to meanwhile.
            try await fixture.tenants.write(tenant.id) { tx in
                try await tx.query("update \(table) set name = 'lead' where id = 5")
                let report = try await newer.migrateAll(lockTimeout: .milliseconds(20))
                #expect(Array(report.failed.keys) == [tenant.id])
                #expect(try await filled() == 4)
                _ = try await fixture.tenants.write(tenant.id) { other in
                    try await other.query("update \(table) set name = 'other' where id = 1")
                }
            }
            #expect(try await newer.plan() == [tenant.id])
            #expect(try await newer.migrateAll().migrated == [tenant.id])
            #expect(try await newer.plan().isEmpty)
            let rows = try await fixture.tenants.query(
                tenant.id, "select count(distinct xmin::text) from \(table) where name in ('LEAD', 'OTHER')")
            #expect(try rows.single().get(0, as: Int64.self) == 3)
        }
    }

    @Test func newTenantsAreMadeByTheMigrationItself() async throws {
        let made = Migration(
            number: 2, name: "made", text: "insert into {{schema}}.lead (name) values ('made')",
            repeated: "select 1 where false")
        try await TenancyFixture.with(sets: TenancyFixture.sets(tenant: [TenancyFixture.lead, made])) { fixture in
            let tenant = try await fixture.makeTenant("new")
            let rows = try await fixture.tenants.query(tenant.id, "select name from \(tenant.schema).lead")
            #expect(try rows.single().get(0) == "made")
        }
    }

    /// A word that was under way when a tenant was deleted does not bring it back.
    @Test func aTenantThatIsGoneIsNotMadeAnew() async throws {
        try await TenancyFixture.with { fixture in
            let tenant = try await fixture.makeTenant("gone")
            let description = tenant.definition
            try await fixture.provisioner.drop(tenant.id)
            await #expect(throws: TenancyError.unknown(tenant.id)) {
                try await fixture.provisioner.provision(description)
            }
            // Its short name is free.
            _ = try await fixture.makeTenant("gone")
        }
    }

    /// Services enter as each of the logins with one password: a new one is that of all.
    @Test func aNewPasswordIsThatOfEveryLogin() async throws {
        try await TenancyFixture.with { fixture in
            let (name, group) = (fixture.tenants.roles.database, fixture.tenants.database.group)
            let second = SQL.quoted(fixture.tenants.roles.appLogin(2))
            try await fixture.server.administer(SQL(raw: "create role \(second) login password 'old'"))
            func secret() async throws -> String? {
                let rows = try await fixture.raw(fixture.server.superuser.login) { session in
                    try await session.query(
                        "select rolpassword from pg_authid where rolname = \(fixture.tenants.roles.appLogin(2))")
                }
                return try rows.single().get(0)
            }
            let before = try await secret()
            try await Bootstrap(superuser: fixture.server.superuser, loginPassword: "new", group: group)
                .prepare(database: name, sets: TenancyFixture.sets())
            #expect(try await secret() != before)
            try await fixture.server.administer(SQL(raw: "drop role \(second)"))
        }
    }

    /// Another server that is away is its tenants' trouble alone.
    @Test func anotherServerThatIsAwayStopsNoService() async throws {
        try await TenancyFixture.with { fixture in
            let home = fixture.tenants.database
            let away = PostgresDatabase(
                group: home.group, configuration: try home.configuration.at(url: "postgresql://nobody@127.0.0.1:1/none")
            )
            let tenants = TenantDatabase(database: home, others: ["second": away])
            #expect(try await tenants.verify(sets: TenancyFixture.sets()) == ["second"])
            await away.close()
        }
    }

    @Test func bootstrapRunsAgain() async throws {
        try await TenancyFixture.with { fixture in
            let name = fixture.tenants.roles.database
            let bootstrap = Bootstrap(
                superuser: fixture.server.superuser, loginPassword: "secret'\\", group: fixture.tenants.database.group)
            let ran = try await bootstrap.prepare(database: name, sets: TenancyFixture.sets())
            #expect(ran.isEmpty)
            try await fixture.tenants.verify(sets: TenancyFixture.sets())
            let later = try MigrationSet(
                name: "test", shared: [TenancyFixture.outbox, Migration(number: 2, name: "next", text: "select 1")])
            await #expect(throws: TenancyError.notPrepared(database: name, reason: "migrations of test are missing")) {
                try await fixture.tenants.verify(sets: [later])
            }
            await #expect(throws: TenancyError.self) {
                try await fixture.tenants.verify(sets: TenancyFixture.sets(), services: 1000)
            }
            let changed = Migration(number: 1, name: "outbox", text: "select 1")
            await #expect(throws: MigrationError.self) {
                try await bootstrap.prepare(database: name, sets: [MigrationSet(name: "test", shared: [changed])])
            }
        }
    }
}

extension Tenant {
    fileprivate var description: TenantDescription {
        TenantDescription(
            id: id, slug: slug, name: name, timeZone: timeZone, currency: currency, industry: industry,
            settings: settings)
    }
}
