import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Customers

/// What another system calls something is one object, whether that system has a name or not.
@Suite struct ExternalKeyTests {
    @Test(arguments: [JSON.string("erp"), .null])
    func `a number is one account, also in one bulk and in bulks at once`(system: JSON) async throws {
        try await CustomersFixture.with { fixture in
            let rows: [Result<JSON, Problem>] = (0..<20).map { number in
                .success([
                    "name": .string("Company \(number)"), "externalSystem": system,
                    "externalId": .string("\(number % 10)"),
                ])
            }
            let results = try await withThrowingTaskGroup(of: [RowResult].self) { group in
                for _ in 0..<4 {
                    group.addTask { try await fixture.accounts.createMany(rows, fixture.context()) }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(results.count { $0.status == 201 } == 10 && results.allSatisfy { $0.status < 300 })
            #expect(try await fixture.count("select count(*) from \(fixture.tenant.schema).accounts") == 10)
        }
    }

    @Test func `what was told before and deleted is refused with the way to have it back`() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            let path = account.id.lowercased
            _ = try await fixture.accounts.delete(path, fixture.context())
            let body: JSON = ["name": "Customer 1", "externalSystem": "shop", "externalId": "1"]
            for tell in [
                { try await fixture.accounts.create(body, fixture.context()) },
                { try await fixture.accounts.put(externalSystem: "shop", id: "1", body, fixture.context()) },
            ] as [@Sendable () async throws -> HTTPResponse] {
                let problem = await #expect(throws: Problem.self) { try await tell() }
                #expect(problem?.type == .duplicate)
                #expect(problem?.detail.english.contains("POST /v1/accounts/\(path)/restore") == true)
            }
            _ = try await fixture.accounts.restore(path, fixture.context())
            #expect(try await fixture.accounts.create(body, fixture.context()).status == .ok)
        }
    }

    @Test func `what was deleted is had back for ninety days and no longer`() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            let path = account.id.lowercased
            _ = try await fixture.accounts.delete(path, fixture.context())
            func age(_ days: Int) async throws {
                _ = try await fixture.environment.database.flight(
                    fixture.tenant.id,
                    [
                        """
                        update \(fixture.tenant.schema).accounts set deleted_at = now() - \(days) * interval '1 day'
                        where id = \(account.id)
                        """
                    ])
            }
            try await age(91)
            let late = await #expect(throws: Problem.self) {
                try await fixture.accounts.restore(path, fixture.context())
            }
            #expect(late?.type == .ruleViolated && late?.detail.english.contains("90 days") == true)
            let body: JSON = ["name": "Customer 1", "externalSystem": "shop", "externalId": "1"]
            let again = await #expect(throws: Problem.self) {
                try await fixture.accounts.create(body, fixture.context())
            }
            #expect(again?.type == .duplicate && again?.detail.english.contains("another externalId") == true)
            try await age(89)
            #expect(try await fixture.accounts.restore(path, fixture.context()).status == .ok)
        }
    }

    @Test func `doubles that an older release let in are told apart, and none is lost`() async throws {
        try await CustomersFixture.with(release: 8) { fixture in
            let (tenant, schema) = (fixture.tenant.id, fixture.tenant.schema)
            var ids: [String] = []
            for number in 0..<3 {
                let answer = try await fixture.accounts.create(
                    ["name": .string("Company \(number)"), "externalId": .string("\(number)")], fixture.context())
                ids.append(try #require(try fixture.read(answer)["id"]?.string))
            }
            try await fixture.environment.writer.commit(
                tenant, ["update \(schema).accounts set external_id = '0' where external_id = '1'"])
            let sets = try Backbone.migrations(with: CustomersService.migrations())
            let report = try await TenantProvisioner(fixture.environment.database, sets: sets).migrateAll()
            #expect(report.failed.isEmpty && report.migrated == [tenant])
            let rows = try await fixture.environment.database.query(
                tenant, "select id::text, external_system, external_id from \(schema).accounts order by id")
            let told = try rows.map { [try $0.get(0), try $0.get(1, as: String?.self), try $0.get(2)] }
            #expect(told == [[ids[0], nil, "0"], [ids[1], "duplicate \(ids[1])", "0"], [ids[2], nil, "2"]])
            let again = try await fixture.accounts.create(["name": "X", "externalId": "0"], fixture.context())
            #expect(try again.status == .ok && fixture.read(again)["id"] == .string(ids[0]))
        }
    }
}
