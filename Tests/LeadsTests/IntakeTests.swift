import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Testing
import Values

@testable import Leads
@testable import Resources

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
                    values (\(LeadDuplicatePolicy(action: .link).json))
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

    @Test func `leads that come at the same moment are given in turn`() async throws {
        try await LeadsFixture.with { service in
            let team = UUIDv7.make()
            for name in ["li", "wang", "zhao"] { _ = try await service.hire(name, team: team) }
            _ = try await service.policies.assignmentRules.create(
                ["name": "all", "assign": ["teamId": team.json]], service.context)
            let owners = try await withThrowingTaskGroup(of: JSON?.self) { group in
                for number in 0..<30 {
                    group.addTask { try await service.create(["company": .string("C\(number)")]).body["ownerId"] }
                }
                return try await group.reduce(into: [JSON?: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(owners.count == 3 && owners.values.allSatisfy { $0 == 10 }, "\(owners)")
        }
    }

    private func set(_ action: DuplicateAction, _ service: LeadsFixture) async throws {
        try await service.environment.writer.commit(
            service.tenant.id,
            [
                "insert into \(service.tenant.schema).duplicate_policy (policy) values (\(LeadDuplicatePolicy(action: action).json))"
            ])
    }

    /// Whichever of its numbers is named, and however it is written.
    @Test func `a PUT changes the lead that it finds`() async throws {
        try await LeadsFixture.with { service in
            try await set(.link, service)
            let first = try await service.create([
                "company": "A", "phone": "13800138000", "externalSystem": "erp", "externalId": "1",
            ])
            func put(_ id: String, _ body: JSON, _ context: WriteContext? = nil) async throws -> (
                status: HTTPStatus, body: JSON
            ) {
                try service.read(
                    try await service.leads.put(externalSystem: "shop", id: id, body, context ?? service.context))
            }
            let linked = try await put("2", ["company": "A", "phone": "13800138000"])
            #expect(linked.status == .ok && linked.body["id"] == first.body["id"])
            for (id, region) in [("2", "浙江"), ("2 ", "上海"), (" 2", "北京")] {
                let told = try await put(id, ["company": "A", "region": .string(region)])
                #expect(told.status == .ok && told.body["id"] == first.body["id"])
                #expect(told.body["region"]?.string == region)
            }
            let known = try await service.leads.known(
                by: ExternalKey(system: "shop", id: "2"), tenant: service.tenant.id)
            #expect(known?.id.lowercased == first.body["id"]?.string && known?.region == "北京")
            #expect(try await service.count("select count(*) from \(service.tenant.schema).leads") == 1)
            // A condition of what is not there.
            let context = WriteContext(
                tenant: service.tenant.id, principal: service.context.principal, ifMatch: .oneOf([3]))
            let absent = await #expect(throws: Problem.self) { try await put("9", ["company": "B"], context) }
            #expect(absent?.type == .versionMismatch)
        }
    }

    @Test func `owners are shown by name, and another is named by assigning`() async throws {
        try await LeadsFixture.with { service in
            let ann = try await service.hire("ann")
            _ = try await service.hire("bo")
            let body: JSON = ["company": "A", "ownerLogin": "ann"]
            let made = try service.read(
                try await service.leads.put(externalSystem: "erp", id: "1", body, service.context))
            #expect(made.status == .created && made.body["ownerId"] == ann.json)
            let load = try #require(service.leads.expansions["owner"])
            let lead = try #require(
                try await service.leads.find(ExternalKey(system: "erp", id: "1"), tenant: service.tenant.id))
            var nobodys = lead
            nobodys.ownerID = nil
            let shown = try await load(service.tenant.id, [lead, nobodys])
            #expect(shown[0]["login"] == "ann" && shown[0]["id"] == ann.json && shown[1] == .null)
            // Told again the same is no change; another owner is not passed over in silence.
            #expect(try await service.leads.put(externalSystem: "erp", id: "1", body, service.context).status == .ok)
            let refused = await #expect(throws: Problem.self) {
                try await service.leads.put(
                    externalSystem: "erp", id: "1", ["company": "A", "ownerLogin": "bo"], service.context)
            }
            #expect(refused?.errors.first?.path == "/ownerLogin")
        }
    }

    @Test func `what a system told once more of a lead is one touch, however often it is sent`() async throws {
        try await LeadsFixture.with { service in
            try await set(.link, service)
            let lead: JSONObject = ["company": "A", "phone": "13800138000"]
            func told(_ id: String) -> JSON {
                var body = lead
                (body["externalSystem"], body["externalId"]) = ("douyin", .string(id))
                return .object(body)
            }
            let first = try await service.create(.object(lead))
            // It had no number yet, so it has this one now.
            for _ in 0..<2 {
                let answer = try await service.create(told("77"))
                #expect(answer.status == .ok && answer.body["id"] == first.body["id"] && answer.body["touches"] == 2)
            }
            let found = try await service.leads.find(
                ExternalKey(system: "douyin", id: "77"), tenant: service.tenant.id)
            #expect(found?.id.lowercased == first.body["id"]?.string)
            // A second number is the touch's, also within one batch.
            #expect(try await service.statuses([.success(told("78")), .success(told("78"))]) == [200, 200])
            #expect(try await service.statuses([.success(told("78"))]) == [200])
            #expect(try await service.create(told("78")).body["touches"] == 3)
            #expect(try await service.count("select count(*) from \(service.tenant.schema).touches") == 3)
        }
    }

    @Test func `what very many share hides no duplicate, and names few`() async throws {
        try await LeadsFixture.with { service in
            try await set(.block, service)
            let first: JSON = [
                "company": "Acme", "product": "X", "phone": "13800138000", "externalSystem": "web", "externalId": "1",
            ]
            let made = try await service.create(first)
            let rows: [Result<JSON, Problem>] = (0..<60).map { number in
                .success([
                    "company": "Acme", "product": .string("P\(number)"), "phone": .string("13900139\(100 + number)"),
                ])
            }
            #expect(try await service.statuses(rows).allSatisfy { $0 == 201 })
            let twin: JSON = ["company": "Acme", "product": "X", "phone": "13800138000"]
            let problem = await #expect(throws: Problem.self) {
                try await service.leads.create(twin, service.context)
            }
            #expect(problem?.type == .duplicate)
            #expect(try await service.statuses([.success(twin), .success(["company": "Other"])]) == [409, 201])
            let again = try await service.create(first)
            #expect(again.status == .ok && again.body["id"] == made.body["id"])
        }
        try await LeadsFixture.with { service in
            let rows: [Result<JSON, Problem>] = (0..<250).map { number in
                .success(["company": .string("C\(number)"), "phone": "13800138000"])
            }
            #expect(try await service.statuses(rows).allSatisfy { $0 == 201 })
            let one = try await service.create(["company": "Last", "phone": "13800138000"])
            #expect(one.body["duplicates"]?.array?.count == LeadDuplicatePolicy.mostFlagged)
        }
    }

    @Test func `a lead that was deleted is told again with the way to have it back`() async throws {
        try await LeadsFixture.with { service in
            let body: JSON = ["company": "A", "externalId": "1"]
            let id = try #require(try await service.create(body).body["id"]?.string)
            _ = try await service.leads.delete(id, service.context)
            let problem = await #expect(throws: Problem.self) { try await service.leads.create(body, service.context) }
            #expect(problem?.detail.english.contains("POST /v1/leads/\(id)/restore") == true)
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

    @Test func `a lead is graded anew by rules that changed, and told of when its grade did`() async throws {
        try await LeadsFixture.with { service in
            let lead = try await service.create(["company": "C1", "employees": 100])
            let id = try #require(lead.body["id"]?.string)
            func rule(_ points: Int) async throws {
                _ = try await service.policies.gradeRules.create(
                    [
                        "name": "size \(points)".json, "points": points.json,
                        "when": ["field": "employees", "op": "gte", "value": 100],
                    ], service.context)
            }
            let without = try await service.act("grade", on: id, [:])
            #expect(without.status == .ok && without.body["version"] == 1)
            try await rule(90)
            let graded = try await service.act("grade", on: id, [:])
            #expect(graded.body["grade"] == "A" && graded.body["points"] == 90 && graded.body["version"] == 2)
            #expect(try await service.act("grade", on: id, [:]).body["version"] == 2)
            try await rule(5)
            #expect(try await service.act("grade", on: id, [:]).body["points"] == 95)
            let told = try await service.environment.database.database.query(
                "select data::jsonb from shared.outbox where type = 'lead.graded' order by id",
                role: service.environment.database.outboxRole
            ).map { try $0.get(0, as: JSON.self) }
            #expect(told.map { $0["fromPoints"] } == [.null, 90])
            #expect(told.map { $0["reasons"]?.array?.count } == [1, 2])
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
                service.leads.endpoints() + LeadActs(leads: service.leads, policies: service.policies).endpoints
                + LeadsService.duplicates(service.environment).endpoints + service.policies.endpoints
            _ = try Router(endpoints, events: RouterEvents(unexpected: { error, _, _ in Issue.record("\(error)") }))
            let document = try OpenAPI.document(
                info: OpenAPI.Info(title: "Leads", version: "1", description: ""), endpoints: endpoints)
            #expect(document["paths"]?["/v1/assignment-rules/dry-run"]?["post"] != nil)
        }
    }
}
