import Postgres
import Tenancy
import Testing
import Values

@Suite struct RestoredTenantTests {
    private static let shape = Migration(
        number: 2, name: "shape",
        text: "alter table {{schema}}.lead add column shape text; update {{schema}}.lead set shape = lower(name);")

    private static func restored(version: Int) -> RestoredTenant {
        RestoredTenant(
            TenantDescription(slug: "back", name: "Back"), versions: ["test": version], origin: .make(),
            backup: "one")
    }

    @Test func rowsOfAnOlderSchemaAreBroughtUpToDate() async throws {
        let sets = try TenancyFixture.sets(tenant: [TenancyFixture.lead, Self.shape])
        try await TenancyFixture.with(sets: sets) { fixture in
            let (provisioner, restored) = (fixture.provisioner, Self.restored(version: 1))
            let tenant = restored.description.id
            #expect(try await provisioner.restored(from: "one", as: "back") == nil)
            try await provisioner.make(restored)
            #expect(try await provisioner.restored(from: "one", as: "back") == tenant)
            await #expect(throws: TenancyError.suspended(tenant)) {
                try await fixture.tenants.query(tenant, "select 1")
            }
            // Each step is taken once, however often it is tried.
            for _ in 0..<2 {
                try await provisioner.make(restored)
                try await provisioner.fill(restored) { transaction in
                    try await transaction.query("insert into \(schema: tenant).lead (name) values ('ROUND')")
                }
            }
            #expect(try await provisioner.plan().isEmpty)
            try await provisioner.release(restored) { _ in }
            let rows = try await fixture.tenants.query(tenant, "select shape from \(schema: tenant).lead")
            #expect(try rows.map { try $0.get(0, as: String.self) } == ["round"])
            #expect(try await provisioner.origins() == [tenant: restored.origin])
        }
    }

    @Test func aStepThatFailsIsNotTaken() async throws {
        struct Broken: Error {}
        try await TenancyFixture.with { fixture in
            let (provisioner, restored) = (fixture.provisioner, Self.restored(version: 1))
            try await provisioner.make(restored)
            await #expect(throws: Broken.self) {
                try await provisioner.fill(restored) { transaction in
                    try await transaction.query(
                        "insert into \(schema: restored.description.id).lead (name) values ('half')")
                    throw Broken()
                }
            }
            // What is not filled is not let go.
            try await provisioner.release(restored) { _ in throw Broken() }
            await #expect(throws: TenancyError.suspended(restored.description.id)) {
                try await fixture.tenants.query(restored.description.id, "select 1")
            }
            try await provisioner.drop(restored.description.id)
            #expect(try await provisioner.restored(from: "one", as: "back") == nil)
        }
    }

    @Test func aLaterSchemaIsRefused() async throws {
        try await TenancyFixture.with { fixture in
            await #expect(throws: MigrationError.self) {
                try await fixture.provisioner.make(Self.restored(version: 2))
            }
            #expect(fixture.tenants.directory.all.isEmpty)
        }
    }
}
