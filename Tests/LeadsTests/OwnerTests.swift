import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Leads

/// Whom leads can be given to, and what their owner's team has to do with it.
@Suite struct OwnerTests {
    private func errors(_ body: @Sendable () async throws -> HTTPResponse) async throws -> [[String]] {
        do {
            _ = try await body()
            return []
        } catch {
            return try #require(Problem(translating: error)).errors.map { [$0.path, $0.code] }
        }
    }

    @Test func `an owner who does not exist or has left is refused, wherever he is named`() async throws {
        try await LeadsFixture.with { service in
            let gone = try await service.hire("gone", isActive: false)
            let lead = try #require(try await service.create(["company": "A"]).body["id"]?.string)
            let rules = service.policies.assignmentRules
            for (owner, code) in [(UUIDv7.make(), "unknownReference"), (gone, "inactiveUser")] {
                let created = try await errors {
                    try await service.leads.create(["company": "B", "ownerId": owner.json], service.context)
                }
                #expect(created == [["/ownerId", code]])
                let rule: JSON = ["name": "R", "assign": ["userId": owner.json]]
                #expect(
                    try await errors { try await rules.create(rule, service.context) } == [["/assign/userId", code]])
                #expect(try await service.act("assign", on: lead, ["ownerId": owner.json]).status == 422)
                let rows: [Result<JSON, Problem>] = [
                    .success(["company": "C", "ownerId": owner.json]), .success(["company": "D"]),
                ]
                #expect(try await service.statuses(rows) == [422, 201])
            }
            #expect(
                try await errors {
                    try await service.leads.create(["company": "E", "ownerLogin": "gone"], service.context)
                } == [["/ownerLogin", "inactiveUser"]])
            // A rule is no worse for somebody who leaves later: it is passed over, and can still be changed.
            let ann = try await service.hire("ann")
            let made = try service.read(
                try await rules.create(["name": "R", "assign": ["userId": ann.json]], service.context))
            _ = try await service.hire("ann", id: ann, isActive: false)
            let id = try #require(made.body["id"]?.string)
            #expect(try await rules.patch(id, ["position": 2], service.context).status == 200)
        }
    }

    @Test func `an assigned lead comes to its owner's team, and stays there when he moves`() async throws {
        try await LeadsFixture.with { service in
            let (city, south) = (UUIDv7.make(), UUIDv7.make())
            let ann = try await service.hire("ann", team: city)
            let lead = try #require(try await service.create(["company": "A"]).body["id"]?.string)
            let given = try await service.act("assign", on: lead, ["ownerId": ann.json])
            #expect(given.status == 200 && given.body["teamId"] == city.json)
            _ = try await service.hire("ann", id: ann, team: south)
            let changed = try service.read(try await service.leads.patch(lead, ["need": "x"], service.context))
            #expect(changed.body["teamId"] == city.json)
            #expect(try await service.create(["company": "B", "ownerId": ann.json]).body["teamId"] == south.json)
            let moved = try await service.act("assign", on: lead, ["ownerId": ann.json, "teamId": south.json])
            #expect(moved.body["teamId"] == south.json)
        }
    }

    // MARK: - The copy is behind

    @Test func `leads are given by who may, and by saying to whom`() async throws {
        try await LeadsFixture.with { service in
            let (ann, bo) = (try await service.hire("ann"), try await service.hire("bo"))
            func write(_ permissions: Set<Permission>) -> WriteContext {
                WriteContext(
                    tenant: service.tenant.id,
                    principal: Principal(
                        tenant: service.tenant.id, subject: ann.lowercased, kind: .user, role: "sales",
                        permissions: permissions, visibility: .own))
            }
            for given: JSON in [
                ["company": "A", "ownerId": bo.json], ["company": "A", "ownerLogin": "bo"],
                ["company": "A", "teamId": UUIDv7.make().json],
            ] {
                let problem = await #expect(throws: Problem.self) {
                    try await service.leads.create(given, write(["leads.write"]))
                }
                #expect(problem?.type == .forbidden, "\(given)")
                _ = try await service.leads.create(given, write(["leads.write", "leads.assign"]))
            }
            let own = try await service.leads.create(["company": "Own", "ownerId": ann.json], write(["leads.write"]))
            #expect(own.status == .created)
            let ruled = try await service.leads.create(["company": "Ruled"], write(["leads.write"]))
            #expect(ruled.status == .created)
            let lead = try #require(try service.read(own).body["id"]?.string)
            for nothing: JSON in [[:], ["reason": "x"]] {
                #expect(try await service.act("assign", on: lead, nothing).status == 422)
            }
            #expect(try await service.act("assign", on: lead, ["ownerId": .null]).status == .ok)
        }
    }

    @Test func `who enters a colleague's lead sees nothing of it`() async throws {
        try await LeadsFixture.with { service in
            func seller(_ name: String) async throws -> WriteContext {
                let id = try await service.hire(name).lowercased
                let principal = Principal(
                    tenant: service.tenant.id, subject: id, kind: .user, role: "sales",
                    permissions: ["leads.write", "leads.assign"], visibility: .own)
                return WriteContext(tenant: service.tenant.id, principal: principal)
            }
            let (ann, bo) = (try await seller("ann"), try await seller("bo"))
            let lead: JSON = ["company": "海风", "phone": "13800138000", "externalSystem": "web", "externalId": "1"]
            var owned = try #require(lead.object)
            owned["ownerId"] = ann.principal.subjectID.json
            let made = try await service.leads.create(.object(owned), ann)
            #expect(made.status == .created)
            let problem = await #expect(throws: Problem.self) { try await service.leads.create(lead, bo) }
            #expect(problem?.type == .duplicate)
            #expect(try await service.leads.create(.object(owned), ann).status == .ok)
        }
    }

    @Test func `somebody made a moment ago is waited for`() async throws {
        try await LeadsFixture.with(patience: .seconds(60)) { service in
            let (ann, bo) = (UUIDv7.make(), UUIDv7.make())
            let team = UUIDv7.make()
            async let byID = service.create(["company": "A", "ownerId": ann.json])
            async let byLogin = service.create(["company": "B", "ownerLogin": "bo"])
            async let ofBo = service.read(
                service.leads.create(
                    ["company": "C"],
                    WriteContext(
                        tenant: service.tenant.id,
                        principal: Principal(
                            tenant: service.tenant.id, subject: bo.lowercased, kind: .user, role: "sales",
                            permissions: [], visibility: .own))))
            try await Task.sleep(for: .milliseconds(50))
            _ = try await service.hire("ann", id: ann, team: team)
            _ = try await service.hire("bo", id: bo, team: team)
            for answer in try await [byID, byLogin, ofBo] {
                #expect(answer.status == 201 && answer.body["teamId"] == team.json)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the rows of a file that came long ago wait for nobody`() async throws {
        try await LeadsFixture.with(patience: .seconds(3600)) { service in
            let rows: [Result<JSON, Problem>] = (0..<600).map {
                .success(["company": .string("C\($0)"), "ownerId": UUIDv7.make().json])
            }
            let context = WriteContext(
                tenant: service.tenant.id, principal: service.context.principal, askedAt: .now() - .seconds(3601))
            let statuses = try await service.leads.createMany(rows, context).map(\.status)
            #expect(statuses == Array(repeating: 422, count: 600))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `somebody known is not waited for, though he has left`() async throws {
        try await LeadsFixture.with(patience: .seconds(3600)) { service in
            let gone = try await service.hire("gone", isActive: false)
            let refused = try await errors {
                try await service.leads.create(["company": "A", "ownerId": gone.json], service.context)
            }
            #expect(refused == [["/ownerId", "inactiveUser"]])
        }
    }
}
