import JSON
import Postgres
import Synchronization
import Tenancy
import Testing
import Values

@testable import Leads
@testable import Resources

/// What is kept of a tenant's rules goes when the rules change, whoever changes them.
@Suite struct KeptRulesTests {
    /// Rules that count how often they are read.
    private final class Counted: Sendable {
        let kept: KeptRules<Int>
        let reads = Mutex(0)

        init(_ versions: RuleVersions, limit: Int = 4096) { kept = KeptRules(versions, limit: limit) }

        /// - Parameter meanwhile: done after the rules are read and before they are kept.
        func value(
            of tenant: TenantID, _ name: String = "", now: ContinuousClock.Instant = .now,
            meanwhile: () async throws -> Void = {}
        ) async throws -> Int {
            try await kept.value(of: tenant, name, now: now) {
                try await meanwhile()
                return reads.withLock {
                    $0 += 1
                    return $0
                }
            }
        }
    }

    @Test func rulesAreReadAgainWhenTheDatabaseSaysTheyChanged() async throws {
        try await LeadsFixture.with { fixture in
            let versions = RuleVersions(database: fixture.environment.database)
            let rules = Counted(versions)
            let id = fixture.tenant.id
            try await versions.refresh()
            _ = try await rules.value(of: id)
            #expect(try await rules.value(of: id) == 1)
            let statements: [SQL] = [
                "update \(schema: id).custom_fields set position = position",
                "update \(schema: id).assignment_rules set active = active",
                "update \(schema: id).grade_rules set active = active",
                "insert into \(schema: id).grade_thresholds (value) values ('{}')",
                "update \(schema: id).duplicate_policy set policy = policy",
                "update \(schema: id).users set active = active",
            ]
            for (number, statement) in statements.enumerated() {
                // As another process would.
                _ = try await fixture.environment.database.flight(id, [statement])
                try await versions.refresh()
                #expect(try await rules.value(of: id) == number + 2, "\(statement)")
                #expect(try await rules.value(of: id) == number + 2)
            }
        }
    }

    @Test func aChangeWhileTheRulesAreReadIsNotLost() async throws {
        try await LeadsFixture.with { fixture in
            let versions = RuleVersions(database: fixture.environment.database)
            let rules = Counted(versions)
            let id = fixture.tenant.id
            try await versions.refresh()
            let first = try await rules.value(of: id) {
                _ = try await fixture.environment.database.flight(
                    id, ["update \(schema: id).grade_rules set active = active"])
                try await versions.refresh()
            }
            #expect(first == 1)
            #expect(try await rules.value(of: id) == 2)
            // Another one by this process itself, which nobody had to look for.
            let third = try await rules.value(of: id, "other") { versions.noteChange() }
            #expect(third == 3)
            #expect(try await rules.value(of: id, "other") == 4)
            #expect(try await rules.value(of: id, "other") == 4)
        }
    }

    @Test func rulesOfWhichNobodyKnowsAreKeptForAMomentOnly() async throws {
        try await LeadsFixture.with { fixture in
            let versions = RuleVersions(database: fixture.environment.database)
            let rules = Counted(versions, limit: 2)
            let ids = try ["a", "b", "c"].map { try TenantID(parsing: String(repeating: $0, count: 16)) }
            try await versions.refresh()
            for id in ids { _ = try await rules.value(of: id) }
            // The third took the place of the others.
            #expect(try await rules.value(of: ids[2]) == 3)
            #expect(try await rules.value(of: ids[0]) == 4)
            let old = ContinuousClock.now
            // Nobody has looked for so long that what was seen then says nothing: what was read is good for a second.
            let unseen = old + RuleVersions.freshness + .milliseconds(50)
            #expect(try await rules.value(of: ids[0], now: unseen) == 4)
            #expect(try await rules.value(of: ids[0], now: old + KeptRules<Int>.patience + .milliseconds(50)) == 5)
        }
    }

    @Test func aTenantWithoutAVersionIsNotBelieved() async throws {
        try await LeadsFixture.with { fixture in
            let versions = RuleVersions(database: fixture.environment.database)
            #expect(!versions.stamp(of: fixture.tenant.id, now: .now).isFresh)
            try await versions.refresh()
            #expect(versions.stamp(of: fixture.tenant.id, now: .now).isFresh)
            // As one that the release before has made, whose tables have no triggers.
            let other = try TenantID(parsing: String(repeating: "a", count: 16))
            #expect(!versions.stamp(of: other, now: .now).isFresh)
        }
    }

    @Test func rulesAreCompiledAnewForAnotherTimeZone() async throws {
        try await LeadsFixture.with { fixture in
            _ = try await fixture.policies.gradeRules.create(
                ["name": "May", "points": 90, "when": ["field": "nextStepAt", "op": "gte", "value": "2030-05-01"]],
                fixture.context)
            // The first of May has begun in Shanghai, not in the tenant's zone yet.
            let body: JSON = ["company": "C", "nextStep": "call", "nextStepAt": "2030-04-30T20:00:00Z"]
            #expect(try await fixture.create(body).body["grade"] == "D")
            try await fixture.move(to: "Asia/Shanghai")
            #expect(try await fixture.create(body).body["grade"] == "A")
        }
    }
}

extension LeadsFixture {
    fileprivate func move(to timeZone: String) async throws {
        let sets = try Backbone.migrations(with: LeadsService.migrations())
        try await TenantProvisioner(environment.database, sets: sets).update(
            TenantDescription(id: tenant.id, slug: tenant.slug, name: tenant.name, timeZone: timeZone))
        try await environment.database.directory.refresh()
    }
}
