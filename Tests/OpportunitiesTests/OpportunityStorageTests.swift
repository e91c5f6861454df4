import Contracts
import Foundation
import HTTP
import JSON
import Testing
import Values

@testable import Opportunities

@Suite struct OpportunityStorageTests {
    @Test func `stages are history, each change is one event`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let deal = try await fixture.deal("A", ["occurredAt": "2026-01-01T00:00:00Z"])
            let id = try #require(deal["id"]?.string)
            #expect(deal["code"]?.string?.hasPrefix("OPP-") == true)
            #expect(deal["stage"] == "contact" && deal["winRate"] == 10)
            let path = "/v1/opportunities/\(id)"
            _ = try await fixture.ok(
                .post, "\(path)/move", ["stage": "proposal", "occurredAt": "2026-01-04T00:00:00Z"])
            // By its code, too.
            let code = try #require(deal["code"]?.string)
            let lost = try await fixture.ok(
                .post, "/v1/opportunities/\(code)/lose",
                [
                    "reason": "price", "competitor": "Acme", "nurtureOn": "2026-06-01",
                    "occurredAt": "2026-01-05T00:00:00Z",
                ])
            #expect(lost["status"] == "lost" && lost["nurtureOn"] == "2026-06-01" && lost["closeDate"] == "2026-01-05")
            let open = try await fixture.ok(.post, "\(path)/reopen", [:])
            #expect(open["status"] == "open" && open["nurtureOn"] == .null && open["stage"] == "proposal")
            let won = try await fixture.ok(.post, "\(path)/win", ["amount": ["amount": "5.00", "currency": "USD"]])
            #expect(won["winRate"] == 100 && won["amount"]?["amount"] == "5.00")
            let history = try await fixture.ok(.get, "\(path)/history")
            #expect(
                history["items"]?.array?.map { $0["kind"]?.string } == ["created", "moved", "lost", "reopened", "won"])
            #expect(history["items"]?[1]?["secondsInStage"] == .int(3 * 86_400))
            let events = try await fixture.events(id)
            #expect(events.map(\.sequence) == [1, 2, 3, 4, 5])
            #expect(events.map(\.type).last == "opportunity.won")
            // Said again, nothing happens.
            _ = try await fixture.ok(.post, "\(path)/win", [:])
            #expect(try await fixture.events(id).count == 5)
        }
    }

    @Test func `activities are told and kept`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let id = try #require(try await fixture.deal("A")["id"]?.string)
            let path = "/v1/opportunities/\(id)/activities"
            let called = try await fixture.ok(
                .post, path, ["kind": "call", "outcome": "interested", "occurredAt": "2026-01-05T08:00:00Z"])
            #expect(called["lastActivityAt"] == "2026-01-05T08:00:00.000Z")
            let older = try await fixture.ok(
                .post, path, ["kind": "visit", "text": "早前拜访", "occurredAt": "2026-01-01T08:00:00Z"])
            #expect(older["lastActivityAt"] == "2026-01-05T08:00:00.000Z" && older["version"] == 3)
            let items = try await fixture.ok(.get, path)["items"]?.array
            #expect(items?.map { $0["kind"]?.string } == ["call", "visit"])
            #expect(items?.last?["text"] == "早前拜访")
            #expect(try await fixture.events(id).map(\.type).last == "opportunity.activity-added")
            #expect(try await fixture.send(.post, path, ["kind": "note"]).status == 422)
            #expect(try await fixture.send(.post, path, ["kind": "song"]).status == 422)
        }
    }

    @Test func `open deals go over to a new version by a mapping, or none does`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let pipeline = try #require(try await fixture.ok(.get, "/v1/pipelines")["items"]?[0])
            let path = "/v1/pipelines/\(pipeline["id"]?.string ?? "")"
            var ids: [String] = []
            for stage in ["contact", "needs", "proposal"] {
                ids.append(try #require(try await fixture.deal(stage, ["stage": .string(stage)])["id"]?.string))
            }
            _ = try await fixture.ok(.post, "/v1/opportunities/\(ids[0])/lose", ["reason": "no"])
            let stages: JSON = [
                ["key": "needs", "zh": "需求", "en": "Needs", "winRate": 40],
                ["key": "offer", "zh": "方案", "en": "Offer", "winRate": 60],
                ["key": "signed", "zh": "签单", "en": "Signed", "winRate": 100],
            ]
            let changed = try await fixture.ok(.patch, path, ["stages": stages])
            #expect(changed["pipelineVersion"] == 2)
            // Until it is migrated, a deal finishes on its version.
            #expect(try await fixture.ok(.get, "/v1/opportunities/\(ids[2])")["pipelineVersion"] == 1)
            let refused = try await fixture.send(.post, "\(path)/migrate", [:])
            #expect(refused.status == 422)
            #expect(refused.body["errors"]?.array?.map { $0["path"]?.string } == ["/mapping/proposal"])
            #expect(try await fixture.send(.post, "\(path)/migrate", ["mapping": ["proposal": "signed"]]).status == 422)
            let done = try await fixture.ok(.post, "\(path)/migrate", ["mapping": ["proposal": "offer"]])
            #expect(done["migrated"] == 2 && done["remaining"] == 0)
            let moved = try await fixture.ok(.get, "/v1/opportunities/\(ids[2])")
            #expect(moved["pipelineVersion"] == 2 && moved["stage"] == "offer" && moved["winRate"] == 60)
            #expect(try await fixture.ok(.get, "/v1/opportunities/\(ids[1])")["winRate"] == 40)
            #expect(
                try await fixture.ok(.get, "/v1/opportunities/\(ids[0])")["pipelineVersion"] == 1, "closed ones stay")
            let again = try await fixture.ok(.post, "\(path)/migrate", [:])
            #expect(again["migrated"] == 0)
        }
    }

    @Test func `a registration protects, a clash waits for its arbiter`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let account = UUIDv7.make().json
            let (ann, bo) = (fixture.person(.sales), fixture.person(.sales))
            let first = try #require(try await fixture.deal("A", ["accountId": account], by: ann)["code"]?.string)
            let second = try #require(try await fixture.deal("B", ["accountId": account], by: bo)["code"]?.string)
            let registered = try await fixture.ok(.post, "/v1/opportunities/\(first)/register", ["days": 30], by: ann)
            #expect(registered["registration"] == "registered" && registered["clashes"] == [])
            let disputed = try await fixture.ok(.post, "/v1/opportunities/\(second)/register", [:], by: bo)
            #expect(disputed["registration"] == "disputed")
            #expect(disputed["clashes"]?[0]?["code"]?.string == first)
            // Bo learns whom he is up against, not what they did.
            let seen = try await fixture.ok(.get, "/v1/opportunities/\(second)/clashes", by: bo)
            #expect(seen["items"]?[0]?["history"] == .null)
            let full = try await fixture.ok(.get, "/v1/opportunities/\(second)/clashes")
            #expect(full["items"]?[0]?["history"]?.array?.count == 1)
            let arbiter = "/v1/opportunities/\(second)/arbitrate"
            #expect(try await fixture.send(.post, arbiter, ["reason": "x"], by: bo).status == 403)
            #expect(try await fixture.ok(.post, arbiter, ["reason": "came first"])["registration"] == "registered")
            let rejected = try await fixture.ok(.get, "/v1/opportunities/\(first)", by: ann)
            #expect(rejected["registration"] == "rejected" && rejected["protectedUntil"] == .null)
        }
    }

    @Test func `a creation shows and gives nobody what he may not see or give`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let (city, south) = (try await fixture.found("City"), try await fixture.found("South"))
            let ann = fixture.person(.sales, id: try await fixture.hire("Ann", team: city))
            let bo = fixture.person(.sales, id: try await fixture.hire("Bo", team: south))
            let told: JSON = ["name": "Secret", "externalSystem": "erp", "externalId": "1001"]
            let made = try await fixture.ok(.post, "/v1/opportunities", told, by: bo)
            #expect(try await fixture.send(.post, "/v1/opportunities", told, by: bo).status == .ok)
            for deleted in [false, true] {
                if deleted { _ = try await fixture.send(.delete, "/v1/opportunities/\(made["id"]?.string ?? "")") }
                let answer = try await fixture.send(.post, "/v1/opportunities", told, by: ann)
                #expect(answer.status == 409 && answer.body["code"] == "duplicate")
                #expect(!"\(answer.body)".contains(made["id"]?.string ?? "?") && !"\(answer.body)".contains("Secret"))
                let put = try await fixture.send(
                    .put, "/v1/opportunities/by-external/erp/1001", ["name": "x"], by: ann)
                #expect(put.status == 409 && !"\(put.body)".contains(made["id"]?.string ?? "?"))
            }
            let elsewhere: JSON = ["name": "x", "teamId": south.json]
            #expect(try await fixture.send(.post, "/v1/opportunities", elsewhere, by: ann).status == 403)
            _ = try await fixture.ok(.post, "/v1/opportunities", ["name": "x", "teamId": city.json], by: ann)
        }
    }

    @Test func `what is told anew is told by names that there are, and assigning names somebody`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let bo = try await fixture.hire("bo")
            let path = "/v1/opportunities/by-external/erp/7"
            _ = try await fixture.ok(.put, path, ["name": "A", "stage": "contact"])
            #expect(try await fixture.send(.put, path, ["name": "A", "amout": 7]).status == 422)
            let told = try await fixture.ok(.put, path, ["name": "B", "stage": "contact", "ownerLogin": "bo"])
            #expect(told["name"] == "B" && told["ownerId"] == bo.json)
            #expect(try await fixture.send(.put, path, ["ownerLogin": "nobody"]).status == 422)
            let assign = "/v1/opportunities/\(told["id"]?.string ?? "")/assign"
            for nothing: JSON in [[:], ["reason": "x"]] {
                #expect(try await fixture.send(.post, assign, nothing).status == 422)
            }
            #expect(try await fixture.ok(.post, assign, ["ownerId": .null])["ownerId"] == .null)
        }
    }

    @Test func `two who register at once do not both get it`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let account = UUIDv7.make().json
            var codes: [String] = []
            for name in ["A", "B", "C"] {
                codes.append(
                    try #require(
                        try await fixture.deal(name, ["accountId": account], by: fixture.person(.sales))["code"]?.string
                    ))
            }
            let states = try await withThrowingTaskGroup(of: String?.self) { group in
                for code in codes {
                    group.addTask {
                        try await fixture.ok(.post, "/v1/opportunities/\(code)/register", [:])["registration"]?.string
                    }
                }
                return try await group.reduce(into: []) { $0.append($1 ?? "") }
            }
            #expect(states.sorted() == ["disputed", "disputed", "registered"])
        }
    }

    @Test func `who sees, gives away and changes what`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let north = try await fixture.found("North")
            let city = try await fixture.found("City", below: north)
            let south = try await fixture.found("South")
            let ann = fixture.person(.sales, id: try await fixture.hire("Ann", team: city))
            let bo = fixture.person(.sales, id: try await fixture.hire("Bo", team: south))
            let chief = fixture.person(.manager, teams: [north, city])
            let boss = fixture.person(.executive)
            let deal = try await fixture.deal("A", by: ann)
            let id = try #require(deal["id"]?.string)
            #expect(deal["ownerId"]?.string == ann.subject && deal["teamId"] == city.json)
            _ = try await fixture.deal("B", by: bo)
            for (who, count) in [(ann, 1), (bo, 1), (chief, 1), (boss, 2)] {
                let list = try await fixture.ok(.get, "/v1/opportunities", by: who)
                #expect(list["items"]?.array?.count == count, "\(who.role)")
            }
            let path = "/v1/opportunities/\(id)"
            #expect(try await fixture.send(.get, path, by: bo).status == 404)
            #expect(try await fixture.send(.patch, path, ["name": "stolen"], by: bo).status == 404)
            #expect(try await fixture.send(.post, "\(path)/win", [:], by: bo).status == 404)
            #expect(try await fixture.send(.post, "\(path)/activities", ["kind": "call"], by: bo).status == 404)
            #expect(try await fixture.send(.patch, path, ["name": "x"], by: boss).status == 403, "executives look on")
            _ = try await fixture.ok(.patch, path, ["name": "mine"], by: ann)
            // Nobody gives away, or to others, without being allowed to.
            #expect(try await fixture.send(.patch, path, ["ownerId": bo.subject.json], by: ann).status == 403)
            #expect(
                try await fixture.send(.post, "/v1/opportunities", ["name": "C", "ownerId": bo.subject.json], by: ann)
                    .status == 403)
            let given = try await fixture.ok(
                .post, "\(path)/assign", ["ownerId": bo.subject.json, "reason": "left"], by: chief)
            #expect(given["ownerId"]?.string == bo.subject && given["teamId"] == south.json)
            #expect(try await fixture.events(id).map(\.type).last == "opportunity.assigned")
            #expect(try await fixture.send(.get, path, by: ann).status == 404)
            #expect(try await fixture.send(.get, path, by: chief).status == 404)
            _ = try await fixture.ok(.get, path, by: bo)
        }
    }

    @Test func `an owner is somebody who is there, and what he owns stays with its team when he moves`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let (city, south) = (try await fixture.found("City"), try await fixture.found("South"))
            let gone = try await fixture.hire("Gone", team: city, isActive: false)
            let deal = try #require(try await fixture.deal("A")["id"]?.string)
            for (owner, code) in [(UUIDv7.make(), "unknownReference"), (gone, "inactiveUser")] {
                let target: JSON = [
                    "period": "2026", "amount": ["amount": "1.00", "currency": "USD"], "ownerId": owner.json,
                ]
                for (method, path, body) in [
                    (HTTPMethod.post, "/v1/opportunities", ["name": "B", "ownerId": owner.json] as JSON),
                    (.patch, "/v1/opportunities/\(deal)", ["ownerId": owner.json]),
                    (.post, "/v1/opportunities/\(deal)/assign", ["ownerId": owner.json]),
                    (.post, "/v1/targets", target),
                ] {
                    let refused = try await fixture.send(method, path, body)
                    #expect(refused.status == 422, "\(method) \(path)")
                    #expect(refused.body["errors"]?[0]?["path"] == "/ownerId")
                    #expect(refused.body["errors"]?[0]?["code"] == .string(code))
                }
            }
            let ann = fixture.person(.sales, id: try await fixture.hire("Ann", team: city))
            let own = try #require(try await fixture.deal("C", by: ann)["id"]?.string)
            _ = try await fixture.hire("Ann", id: try #require(ann.subjectID), team: south)
            let changed = try await fixture.ok(.patch, "/v1/opportunities/\(own)", ["name": "D"], by: ann)
            #expect(changed["teamId"] == city.json)
            #expect(try await fixture.deal("E", by: ann)["teamId"] == south.json)
            let moved = try await fixture.ok(
                .post, "/v1/opportunities/\(own)/assign", ["ownerId": ann.subject.json, "teamId": south.json])
            #expect(moved["teamId"] == south.json && moved["ownerId"] == ann.subject.json)
        }
    }
}
