import Contracts
import Foundation
import HTTP
import JSON
import ServiceKit
import Testing
import Values

@testable import Opportunities

/// Of two that claim one customer and product at most one is undisputed, however they came to it.
@Suite struct RegistrationTests {
    /// Two deals of two people for one customer, the first of which is registered.
    private struct Rivals: Sendable {
        let fixture: OpportunitiesFixture
        let account = UUIDv7.make().json
        let ann: Principal
        let bo: Principal
        let first: String
        let second: String

        /// - Parameter more: of the second deal.
        init(_ fixture: OpportunitiesFixture, _ more: JSONObject? = nil) async throws {
            self.fixture = fixture
            ann = fixture.person(.sales, id: try await fixture.hire("Ann"))
            bo = fixture.person(.sales, id: try await fixture.hire("Bo"))
            let one = try await fixture.deal("A", ["accountId": account], by: ann)
            let two = try await fixture.deal("B", more ?? ["accountId": account], by: bo)
            first = "/v1/opportunities/\(one["id"]?.string ?? "")"
            second = "/v1/opportunities/\(two["id"]?.string ?? "")"
            _ = try await fixture.ok(.post, "\(first)/register", ["days": 30], by: ann)
        }

        func states() async throws -> [String?] {
            [try await fixture.ok(.get, first), try await fixture.ok(.get, second)].map { $0["registration"]?.string }
        }
    }

    @Test func `who comes to a customer by a change is disputed`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let rivals = try await Rivals(fixture, ["accountId": UUIDv7.make().json])
            _ = try await fixture.ok(.post, "\(rivals.second)/register", [:], by: rivals.bo)
            #expect(try await rivals.states() == ["registered", "registered"])
            _ = try await fixture.ok(.patch, rivals.second, ["accountId": rivals.account], by: rivals.bo)
            #expect(try await rivals.states() == ["registered", "disputed"])
        }
    }

    @Test(arguments: ["reopen", "restore"])
    func `who comes back finds who registered meanwhile`(_ way: String) async throws {
        try await OpportunitiesFixture.with { fixture in
            let rivals = try await Rivals(fixture)
            if way == "reopen" {
                _ = try await fixture.ok(.post, "\(rivals.first)/lose", ["reason": "x"])
            } else {
                #expect(try await fixture.send(.delete, rivals.first).status == 204)
            }
            _ = try await fixture.ok(.post, "\(rivals.second)/register", [:], by: rivals.bo)
            _ = try await fixture.ok(.post, "\(rivals.first)/\(way)", [:])
            #expect(try await rivals.states() == ["disputed", "registered"])
        }
    }

    @Test func `given away, one of two that were one person's is disputed`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let rivals = try await Rivals(fixture)
            _ = try await fixture.ok(.post, "\(rivals.second)/assign", ["ownerId": rivals.ann.subject.json])
            _ = try await fixture.ok(.post, "\(rivals.second)/register", [:])
            #expect(try await rivals.states() == ["registered", "registered"])
            _ = try await fixture.ok(.post, "\(rivals.second)/assign", ["ownerId": rivals.bo.subject.json])
            #expect(try await rivals.states() == ["registered", "disputed"])
        }
    }

    @Test func `what stands is extended and stands, whoever disputes it`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let rivals = try await Rivals(fixture)
            _ = try await fixture.ok(.post, "\(rivals.second)/register", [:], by: rivals.bo)
            _ = try await fixture.ok(.post, "\(rivals.first)/register", ["days": 60], by: rivals.ann)
            #expect(try await rivals.states() == ["registered", "disputed"])
        }
    }

    @Test func `a decision is whole or none`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let rivals = try await Rivals(fixture)
            _ = try await fixture.ok(.post, "\(rivals.second)/register", [:], by: rivals.bo)
            let arbitrate = "\(rivals.second)/arbitrate"
            let stale = try await fixture.send(
                .post, arbitrate, ["reason": "x"], headers: ["If-Match": "\"1\""])
            #expect(stale.status == 412)
            #expect(try await rivals.states() == ["registered", "disputed"])
            // A manager who sees the one and not the other decides nothing.
            let team = try await fixture.found("South")
            let chief = fixture.person(.manager, teams: [team])
            _ = try await fixture.ok(
                .post, "\(rivals.second)/assign", ["ownerId": rivals.bo.subject.json, "teamId": team.json])
            #expect(try await fixture.send(.post, arbitrate, ["reason": "x"], by: chief).status == 403)
            #expect(try await rivals.states() == ["registered", "disputed"])
            _ = try await fixture.ok(.post, arbitrate, ["reason": "came first"])
            #expect(try await rivals.states() == ["rejected", "registered"])
            // The other way round it would protect nobody.
            #expect(try await fixture.send(.post, "\(rivals.first)/arbitrate", ["reason": "x"]).status == 409)
            _ = try await fixture.ok(.post, "\(rivals.first)/register", [:], by: rivals.ann)
            _ = try await fixture.ok(.post, "\(rivals.first)/arbitrate", ["reason": "on second thoughts"])
            #expect(try await rivals.states() == ["registered", "rejected"])
            #expect(try await fixture.ok(.get, rivals.first)["protectedUntil"]?.string != nil)
        }
    }

    @Test func `two arbiters at once leave one that stands`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let rivals = try await Rivals(fixture)
            _ = try await fixture.ok(.post, "\(rivals.second)/register", [:], by: rivals.bo)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for path in [rivals.first, rivals.second] {
                    group.addTask {
                        try await fixture.send(.post, "\(path)/arbitrate", ["reason": "x"]).status.code
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200, 409])
            #expect(Set(try await rivals.states()) == ["registered", "rejected"])
        }
    }
}
