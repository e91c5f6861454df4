import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Leads

/// New leads on a real database: duplicates, touches, assignment, grades, repeated rows.
@Suite struct IntakeTests {
    @Test func `the same company and product on another platform 15 days later is one lead with two touches`()
        async throws
    {
        try await LeadsFixture.with { service in
            try await service.environment.writer.commit(
                service.tenant.id,
                [
                    """
                    insert into \(service.tenant.schema).duplicate_policy (policy)
                    values (\(DuplicatePolicy(action: .link).json))
                    """
                ])
            let now = Timestamp.now()
            let first = try await service.create([
                "company": "北京移动有限公司", "product": "Server X1", "source": "baidu",
                "occurredAt": (now - .seconds(20 * 86_400)).json,
            ])
            #expect(first.status == .created)
            let second = try await service.create([
                "company": "北京移动股份有限公司", "product": "server-x1", "source": "douyin",
                "occurredAt": (now - .seconds(5 * 86_400)).json,
            ])
            #expect(second.status == .ok && second.body["id"] == first.body["id"])
            #expect(second.body["touches"] == 2 && second.body["version"] == 2)
            #expect(second.body["source"] == "baidu" && second.body["lastSource"] == "douyin")
            #expect(try await service.count("select count(*) from \(service.tenant.schema).touches") == 2)
            #expect(try await service.count("select count(*) from \(service.tenant.schema).leads") == 1)
        }
    }

    @Test func `a team's members get leads in turn, within a batch and after it, and leads get their grade`()
        async throws
    {
        try await LeadsFixture.with { service in
            let team = UUIDv7.make()
            let first = try await service.hire("li", team: team)
            let second = try await service.hire("wang", team: team)
            _ = try await service.policies.assignmentRules.create(
                [
                    "name": "east", "when": ["field": "region", "value": "浙江"], "assign": ["teamId": team.json],
                ], service.context)
            _ = try await service.policies.gradeRules.create(
                ["name": "size", "points": 90, "when": ["field": "employees", "op": "gte", "value": 100]],
                service.context)
            let rows: [Result<JSON, Problem>] = (1...3).map {
                .success(["company": .string("C\($0)"), "region": "浙江", "employees": 100])
            }
            #expect(try await service.statuses(rows) == [201, 201, 201])
            let owners = try await service.environment.database.query(
                service.tenant.id, "select owner_id from \(service.tenant.schema).leads order by id"
            ).map { try $0.get(0, as: UUID.self) }
            #expect(owners == [first, second, first])
            let next = try await service.create(["company": "C4", "region": "浙江"])
            #expect(next.body["ownerId"] == second.json && next.body["teamId"] == team.json)
            #expect(next.body["grade"] == "D" && next.body["points"] == 0)
            let named = try await service.create(["company": "C5", "employees": 500, "ownerLogin": "Li"])
            #expect(named.body["ownerId"] == first.json && named.body["grade"] == "A")
            #expect(try await service.statuses([.success(["company": "C6", "ownerLogin": "nobody"])]) == [422])
        }
    }

    @Test func `rows sent again double nothing, and bad rows stop no other`() async throws {
        try await LeadsFixture.with { service in
            let rows: [Result<JSON, Problem>] = [
                .success(["externalSystem": "x", "externalId": "1"]), .success(["region": "nobody"]),
                .success(["externalSystem": "x", "externalId": "1"]),
                .success(["externalSystem": "y", "externalId": "1"]),
            ]
            let first = try await service.statuses(rows)
            let again = try await service.statuses(rows)
            let touches = try await service.count("select count(*) from \(service.tenant.schema).touches")
            #expect(first == [201, 422, 200, 201])
            #expect(again == [200, 422, 200, 200])
            #expect(touches == 2)
        }
    }

    @Test func `every endpoint has its own route, operation and schema`() async throws {
        try await LeadsFixture.with { service in
            let endpoints =
                service.leads.endpoints() + LeadActs(leads: service.leads).endpoints
                + LeadSettings(environment: service.environment).endpoints + service.policies.endpoints
            _ = try Router(endpoints, events: RouterEvents(unexpected: { error, _, _ in Issue.record("\(error)") }))
            let document = try OpenAPI.document(
                info: OpenAPI.Info(title: "Leads", version: "1", description: ""), endpoints: endpoints)
            #expect(document["paths"]?["/v1/assignment-rules/dry-run"]?["post"] != nil)
        }
    }
}
