import Foundation
import HTTP
import JSON
import Testing
import Values

@testable import Opportunities

/// Teams, business lines and products that somebody names are there.
@Suite struct NamedThingsTests {
    @Test(arguments: ["teamId", "businessLineId"])
    func `a team or business line that is not there is refused wherever it is named`(member: String) async throws {
        try await OpportunitiesFixture.with { fixture in
            let deal = try #require(try await fixture.deal("A")["id"]?.string)
            let nobody = UUIDv7.make()
            let target: JSON = [
                "period": "2026", "amount": ["amount": "1.00", "currency": "USD"], member: nobody.json,
            ]
            var calls: [(HTTPMethod, String, JSON)] = [
                (.post, "/v1/opportunities", ["name": "B", member: nobody.json]),
                (.patch, "/v1/opportunities/\(deal)", [member: nobody.json]), (.post, "/v1/targets", target),
            ]
            if member == "teamId" {
                calls.append((.post, "/v1/opportunities/\(deal)/assign", ["teamId": nobody.json]))
            } else {
                calls.append(
                    (.post, "/v1/pipelines", ["name": "P", "template": "simple", "businessLineId": nobody.json]))
            }
            for (method, path, body) in calls {
                let refused = try await fixture.send(method, path, body, headers: ["Accept-Language": "zh"])
                #expect(refused.status == 422, "\(method) \(path)")
                #expect(refused.body["errors"]?[0]?["path"] == .string("/\(member)"))
                #expect(refused.body["errors"]?[0]?["code"] == "unknownReference")
                let text = refused.body["errors"]?[0]?["message"]?.string ?? ""
                #expect(text.contains("没有该") && text.contains(nobody.lowercased))
            }
            let bulk = try await fixture.ok(
                .post, "/v1/opportunities/bulk", [["name": "C"], ["name": "D", member: nobody.json]])
            #expect(bulk["items"]?.array?.map { $0["status"]?.int } == [201, 422])
        }
    }

    @Test func `a team that was deleted is nobody's any more, and stays where it was`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let team = try await fixture.found("North")
            let deal = try #require(try await fixture.deal("A", ["teamId": team.json])["id"]?.string)
            try await fixture.disband(team, "North")
            #expect(
                try await fixture.send(.post, "/v1/opportunities", ["name": "B", "teamId": team.json]).status == 422)
            let changed = try await fixture.ok(.patch, "/v1/opportunities/\(deal)", ["name": "C", "teamId": team.json])
            #expect(changed["teamId"] == team.json && changed["name"] == "C")
        }
    }

    @Test func `a line's product is one that there is, or one that it had`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let product = try await fixture.ok(.post, "/v1/products", ["name": "P"])
            let id = try #require(product["id"]?.string)
            let lines: JSON = [["productId": .string(id), "name": "P", "quantity": 1]]
            let deal = try #require(try await fixture.deal("A", ["productLines": lines])["id"]?.string)
            let unknown: JSON = ["productLines": [["name": "Q"], ["productId": UUIDv7.make().json, "name": "R"]]]
            for (method, path) in [(HTTPMethod.post, "/v1/opportunities"), (.patch, "/v1/opportunities/\(deal)")] {
                var body = unknown
                body["name"] = "B"
                let refused = try await fixture.send(method, path, body)
                #expect(refused.status == 422 && refused.body["errors"]?[0]?["path"] == "/productLines/1/productId")
                #expect(refused.body["errors"]?[0]?["code"] == "unknownReference")
            }
            #expect(try await fixture.send(.delete, "/v1/products/\(id)").status == 204)
            #expect(
                try await fixture.send(.post, "/v1/opportunities", ["name": "C", "productLines": lines]).status == 422)
            let more: JSON = [["productId": .string(id), "name": "P", "quantity": 2]]
            let kept = try await fixture.ok(.patch, "/v1/opportunities/\(deal)", ["productLines": more])
            #expect(kept["productLines"]?[0]?["quantity"] == 2)
        }
    }
}
