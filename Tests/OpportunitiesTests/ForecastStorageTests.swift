import Contracts
import Foundation
import HTTP
import JSON
import Testing
import Values

@testable import Opportunities

@Suite struct ForecastStorageTests {
    /// A deal of a million in each stage of a pipeline; the last one is won.
    private func fill(_ fixture: OpportunitiesFixture, _ more: JSONObject = [:]) async throws -> [String] {
        var ids: [String] = []
        for stage in ["contact", "needs", "proposal", "negotiation", "negotiation"] {
            var members: JSONObject = ["stage": .string(stage), "amount": usd("1000000.00")]
            for (name, value) in more { members[name] = value }
            ids.append(try #require(try await fixture.deal(stage, members)["id"]?.string))
        }
        _ = try await fixture.ok(.post, "/v1/opportunities/\(ids[4])/win", [:])
        return ids
    }

    private func usd(_ amount: String) -> JSON { ["amount": .string(amount), "currency": "USD"] }

    @Test func `five stages, the target, what if, and the lists behind`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let ids = try await fill(fixture)
            let year = Timestamp.now().date(in: .gmt).key(of: .year)
            _ = try await fixture.ok(.post, "/v1/targets", ["period": year.json, "amount": usd("5000000.00")])
            #expect(
                try await fixture.send(.post, "/v1/targets", ["period": year.json, "amount": usd("1.00")]).status == 409
            )
            #expect(
                try await fixture.send(.post, "/v1/targets", ["period": "2026-Q5", "amount": usd("1.00")]).status == 422
            )
            let forecast = try await fixture.ok(.get, "/v1/forecast?period=\(year)")
            #expect(forecast["weightedAmount"]?["amount"] == "2600000.00")
            #expect(forecast["signed"]?["amount"] == "1000000.00")
            #expect(forecast["openWeightedAmount"]?["amount"] == "1600000.00")
            #expect(forecast["shortfall"]?["amount"] == "2400000.00" && forecast["coverage"]?.double == 0.52)
            #expect(forecast["stages"]?.array?.map { $0["count"]?.int } == [1, 1, 1, 1, 1])
            #expect(forecast["categories"]?["commit"]?["amount"]?["amount"] == "1000000.00")

            let whatIf = try await fixture.ok(
                .post, "/v1/forecast/what-if",
                ["period": year.json, "winRates": [["stage": "needs", "winRate": 50]]])
            #expect(whatIf["whatIf"]?["weightedAmount"]?["amount"] == "2800000.00")
            #expect(whatIf["base"]?["weightedAmount"]?["amount"] == "2600000.00")
            #expect(whatIf["difference"]?["shortfall"]?["amount"] == "-200000.00")
            let amounts = try await fixture.ok(
                .post, "/v1/forecast/what-if",
                ["period": year.json, "amounts": [["opportunityId": ids[0].json, "amount": usd("2000000.00")]]])
            #expect(amounts["whatIf"]?["weightedAmount"]?["amount"] == "2700000.00")
            for bad: JSON in [
                ["winRates": [["stage": "signed", "winRate": 50]]], ["winRates": [["stage": "needs", "winRate": 101]]],
                ["amounts": [["opportunityId": "OPP-2026-999999", "amount": usd("1.00")]]], ["period": "soon"],
                [
                    "amounts": [
                        ["opportunityId": ids[0].json, "amount": usd("1.00")],
                        ["opportunityId": ids[0].json, "amount": usd("2.00")],
                    ]
                ],
            ] {
                let answer = try await fixture.send(.post, "/v1/forecast/what-if", bad)
                #expect([400, 422].contains(answer.status), "\(bad)")
            }

            // Every number's list is as long as it says.
            for stage in forecast["stages"]?.array ?? [] {
                let list = try await fixture.ok(.get, "\(stage["drill"]?.string ?? "")&count=exact")
                #expect(list["count"] == stage["count"], "\(stage["drill"] ?? .null)")
            }
            for (name, figure) in forecast["categories"]?.object ?? [:] {
                let list = try await fixture.ok(.get, "\(figure["drill"]?.string ?? "")&count=exact")
                #expect(list["count"] == figure["count"], "\(name)")
            }
            let open = try await fixture.ok(
                .get, "\(forecast["drill"]?["open"]?.string ?? "")&count=exact&sort=-amount")
            #expect(open["count"] == 4)
        }
    }

    @Test func `the decision chain weighs 3,800,000`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let chain = try await fixture.ok(.post, "/v1/pipelines", ["name": "Chain", "template": "decisionChain"])
            _ = try await fill(fixture)
            let pipeline = chain["id"] ?? .null
            for stage in ["contact", "supporter", "keySupporter", "covered", "bid", "bid"] {
                let deal = try await fixture.deal(
                    stage, ["pipelineId": pipeline, "stage": .string(stage), "amount": usd("1000000.00")])
                guard stage == "bid" else { continue }
                let bids = try await fixture.ok(.get, "/v1/opportunities?stage=bid")["items"]?.array?.count
                if bids == 2 {
                    _ = try await fixture.ok(.post, "/v1/opportunities/\(deal["id"]?.string ?? "")/win", [:])
                }
            }
            let forecast = try await fixture.ok(.get, "/v1/forecast?pipelineId=\(pipeline.string ?? "")")
            #expect(forecast["weightedAmount"]?["amount"] == "3800000.00")
            #expect(forecast["target"] == .null && forecast["shortfall"] == .null)
            #expect(try await fixture.ok(.get, "/v1/forecast")["weightedAmount"]?["amount"] == "6400000.00")
        }
    }

    @Test func `by team and person, as far as the caller sees`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let north = try await fixture.found("North")
            let city = try await fixture.found("City", below: north)
            let ann = fixture.person(.sales, id: try await fixture.hire("Ann", team: city))
            let bo = fixture.person(.sales, id: try await fixture.hire("Bo", team: nil))
            for (who, amount) in [(ann, "100.00"), (ann, "50.00"), (bo, "1000.00")] {
                _ = try await fixture.deal("D", ["amount": usd(amount), "stage": "proposal"], by: who)
            }
            let quarter = Timestamp.now().date(in: .gmt).key(of: .quarter)
            for (member, id, amount) in [
                ("ownerId", ann.subject.json, "40.00"), ("teamId", north.json, "90.00"),
                ("ownerId", bo.subject.json, "7.00"),
            ] {
                _ = try await fixture.ok(
                    .post, "/v1/targets",
                    .object(JSONObject([("period", quarter.json), ("amount", usd(amount)), (member, id)])))
            }
            let whole = try await fixture.ok(.get, "/v1/forecast?groupBy=owner")
            #expect(whole["weightedAmount"]?["amount"] == "575.00")
            let groups = whole["groups"]?.array ?? []
            #expect(groups.map { $0["key"]?.string } == ["Ann", "Bo"])
            #expect(groups.first?["target"]?["amount"] == "40.00" && groups.first?["shortfall"]?["amount"] == "0.00")
            for group in groups {
                let list = try await fixture.ok(.get, "\(group["drill"]?["open"]?.string ?? "")&count=exact")
                #expect(list["count"] == (group["key"] == "Ann" ? 2 : 1))
            }
            let teams = try await fixture.ok(.get, "/v1/forecast?groupBy=team")
            #expect(teams["groups"]?.array?.map { $0["key"]?.string } == ["City", "North", nil])
            // A salesman sees his own, a manager his teams' against their target.
            let own = try await fixture.ok(.get, "/v1/forecast", by: ann)
            #expect(own["weightedAmount"]?["amount"] == "75.00" && own["target"]?["amount"] == "40.00")
            let chief = fixture.person(.manager, teams: [north, city])
            let below = try await fixture.ok(.get, "/v1/forecast", by: chief)
            #expect(below["weightedAmount"]?["amount"] == "75.00" && below["target"]?["amount"] == "90.00")
            #expect(below["shortfall"]?["amount"] == "15.00")
            let filtered = try await fixture.ok(.get, "/v1/forecast?teamId=\(north.lowercased)")
            #expect(filtered["weightedAmount"]?["amount"] == "75.00" && filtered["target"]?["amount"] == "90.00")
            let hidden = try await fixture.ok(.get, "/v1/forecast?ownerId=\(bo.subject)", by: ann)
            #expect(hidden["weightedAmount"]?["amount"] == "0.00")
        }
    }

    @Test func `a deal counts in the period in which it may close`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let today = Timestamp.now().date(in: .gmt)
            let quarter = PeriodKey(.quarter, of: today)
            let next = PeriodKey(.quarter, of: quarter.days.upperBound.adding(days: 1))
            let last = PeriodKey(.quarter, of: quarter.days.lowerBound.adding(days: -1))
            let dates: [CalendarDate?] = [nil, last.days.lowerBound, quarter.days.upperBound, next.days.lowerBound]
            for date in dates {
                _ = try await fixture.deal("D", ["amount": usd("100.00"), "expectedCloseDate": date.json])
            }
            for (period, amount) in [(last, "0.00"), (quarter, "300.00"), (next, "200.00")] {
                let forecast = try await fixture.ok(.get, "/v1/forecast?period=\(period)")
                #expect(forecast["openAmount"]?["amount"]?.string == amount, "\(period)")
                let list = try await fixture.ok(.get, "\(forecast["drill"]?["open"]?.string ?? "")&count=exact")
                #expect(list["count"]?.int == forecast["stages"]?.array?.reduce(0) { $0 + ($1["count"]?.int ?? 0) })
            }
        }
    }
}
