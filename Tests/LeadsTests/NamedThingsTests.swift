import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Leads

/// Teams and business lines that leads and their rules name are there.
@Suite struct NamedThingsTests {
    @Test(arguments: ["teamId", "businessLineId"])
    func `a team or business line that is not there is refused`(member: String) async throws {
        try await LeadsFixture.with { service in
            try await service.fillCopies(.teams, .businessLines)
            let nobody = UUIDv7.make()
            let refused = try await problem { try await service.create(["company": "A", member: nobody.json]) }
            #expect(refused?.errors.map(\.path) == ["/\(member)"])
            #expect(refused?.errors.map(\.code) == ["unknownReference"])
            let text = refused?.errors.first?.message
            #expect(text?.chinese.contains("没有该") == true && text?.english.contains(nobody.lowercased) == true)
            let rows: [Result<JSON, Problem>] = [
                .success(["company": "B"]), .success(["company": "C", member: nobody.json]),
            ]
            #expect(try await service.statuses(rows) == [201, 422])
        }
    }

    @Test func `what a lead is given, and a rule names, is there`() async throws {
        try await LeadsFixture.with { service in
            try await service.fillCopies(.teams, .businessLines)
            let lead = try #require(try await service.create(["company": "A"]).body["id"]?.string)
            let (team, nobody) = (try await service.found("North"), UUIDv7.make())
            #expect(try await service.act("assign", on: lead, ["teamId": nobody.json]).status == 422)
            #expect(try await service.act("assign", on: lead, ["teamId": team.json]).status == 200)
            let patched = try await problem {
                try service.read(
                    try await service.leads.patch(lead, ["businessLineId": nobody.json], service.context))
            }
            #expect(patched?.errors.map(\.path) == ["/businessLineId"])
            let rules = service.policies.assignmentRules
            for (path, rule) in [
                ("/assign/teamId", ["name": "R", "assign": ["teamId": nobody.json]] as JSON),
                ("/businessLineId", ["name": "R", "assign": ["teamId": team.json], "businessLineId": nobody.json]),
            ] {
                let refused = try await problem { try service.read(try await rules.create(rule, service.context)) }
                #expect(refused?.errors.map(\.path) == [path])
            }
            let kept = try await rules.create(["name": "R", "assign": ["teamId": team.json]], service.context)
            let id = try #require(try service.read(kept).body["id"]?.string)
            let changed = try await problem {
                try service.read(try await rules.patch(id, ["assign": ["teamId": nobody.json]], service.context))
            }
            #expect(changed?.errors.map(\.path) == ["/assign/teamId"])
        }
    }

    @Test func `what the copies may not have heard of is taken until they are filled, and stays`() async throws {
        try await LeadsFixture.with { service in
            let (team, line) = (UUIDv7.make(), UUIDv7.make())
            let body: JSON = [
                "company": "A", "teamId": team.json, "businessLineId": line.json, "externalSystem": "s",
                "externalId": "1",
            ]
            let lead = try #require(try await service.create(body).body["id"]?.string)
            try await service.fillCopies(.teams, .businessLines)
            let changed = try service.read(
                try await service.leads.patch(
                    lead, ["title": "Director", "businessLineId": line.json], service.context))
            #expect(changed.status == 200 && changed.body["businessLineId"] == line.json)
            #expect(try await service.create(body).status == 200)
            #expect(try await problem { try await service.create(["company": "B", "teamId": team.json]) } != nil)
        }
    }

    /// What `body` is refused for; nil when it is not.
    private func problem(_ body: () async throws -> (status: HTTPStatus, body: JSON)) async throws -> Problem? {
        do { _ = try await body() } catch let problem as Problem { return problem }
        return nil
    }
}
