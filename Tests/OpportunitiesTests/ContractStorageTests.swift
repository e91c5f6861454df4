import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Opportunities

@Suite struct ContractStorageTests {
    private func usd(_ amount: String) -> JSON { ["amount": .string(amount), "currency": "USD"] }

    @Test func `a won opportunity has a contract whose payments age`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let ann = fixture.person(.sales)
            let deal = try await fixture.deal("A", ["accountId": UUIDv7.make().json], by: ann)
            let id = deal["id"] ?? .null
            func body(_ payments: JSON) -> JSON {
                ["opportunityId": id, "amount": usd("100.00"), "signedOn": "2026-01-01", "payments": payments]
            }
            let plan: JSON = [
                ["dueOn": "2026-02-01", "amount": usd("30.00")], ["dueOn": "2026-06-01", "amount": usd("70.00")],
            ]
            #expect(try await fixture.send(.post, "/v1/contracts", body(plan), by: ann).status == 409, "not won yet")
            _ = try await fixture.ok(.post, "/v1/opportunities/\(id.string ?? "")/win", [:], by: ann)
            for bad: JSON in [
                [["dueOn": "2026-02-01", "amount": usd("101.00")]],
                [["dueOn": "2026-02-01", "amount": usd("1.00"), "paid": usd("1.00")]],
                [["dueOn": "2026-02-01", "amount": usd("1.00"), "paid": usd("2.00"), "paidOn": "2026-02-01"]],
                [["dueOn": "2026-02-01"]],
            ] {
                #expect(try await fixture.send(.post, "/v1/contracts", body(bad), by: ann).status == 422, "\(bad)")
            }
            #expect(
                try await fixture.send(.post, "/v1/contracts", body(plan), by: fixture.person(.sales)).status == 422,
                "another's opportunity is none")
            let made = try await fixture.ok(.post, "/v1/contracts", body(plan), by: ann)
            #expect(made["code"]?.string?.hasPrefix("CON-") == true && made["accountId"] == deal["accountId"])
            #expect(made["ownerId"]?.string == ann.subject && made["paid"] == usd("0.00"))
            func ageing(_ day: String, by principal: Principal) async throws -> [String?] {
                let answer = try await fixture.ok(.get, "/v1/contracts/ageing?asOf=\(day)", by: principal)
                return (answer["buckets"]?.array ?? []).map { $0["amount"]?["amount"]?.string }
            }
            #expect(try await ageing("2026-02-01", by: ann) == ["100.00", "0.00", "0.00", "0.00", "0.00"])
            #expect(try await ageing("2026-02-02", by: ann) == ["70.00", "30.00", "0.00", "0.00", "0.00"])
            #expect(try await ageing("2026-06-02", by: ann) == ["0.00", "70.00", "0.00", "0.00", "30.00"])
            #expect(try await ageing("2026-06-02", by: fixture.person(.sales)) == Array(repeating: "0.00", count: 5))
            let paid: JSON = [
                [
                    "dueOn": "2026-02-01", "amount": usd("30.00"), "paid": usd("20.00"), "paidOn": "2026-02-03",
                    "invoiceNumber": "I-1",
                ], ["dueOn": "2026-06-01", "amount": usd("70.00")],
            ]
            let changed = try await fixture.ok(
                .patch, "/v1/contracts/\(made["code"]?.string ?? "")", ["payments": paid], by: ann)
            #expect(changed["paid"] == usd("20.00"))
            #expect(try await ageing("2026-06-02", by: ann) == ["0.00", "70.00", "0.00", "0.00", "10.00"])
            let events = try await fixture.events(made["id"]?.string ?? "")
            #expect(events.map(\.type) == ["contract.created", "contract.updated"])
        }
    }

    /// A won opportunity of somebody.
    private func won(_ fixture: OpportunitiesFixture, _ name: String, by principal: Principal) async throws -> JSON {
        let deal = try await fixture.deal(name, ["accountId": UUIDv7.make().json], by: principal)
        return try await fixture.ok(.post, "/v1/opportunities/\(deal["id"]?.string ?? "")/win", [:], by: principal)
    }

    @Test func `ageing shows a day as it was, and sums that no number holds as the largest`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let ann = fixture.person(.sales)
            let deal = try await won(fixture, "A", by: ann)
            let largest = usd("9999999999999.99")
            var rows: [JSON] = [
                [
                    "opportunityId": deal["id"] ?? .null, "amount": usd("10.00"), "signedOn": "2026-01-01",
                    "payments": [
                        [
                            "dueOn": "2026-01-15", "amount": usd("10.00"), "paid": usd("10.00"), "paidOn": "2026-02-10",
                        ]
                    ],
                ]
            ]
            func ageing(_ day: String) async throws -> [String: String] {
                let answer = try await fixture.ok(.get, "/v1/contracts/ageing?asOf=\(day)", by: ann)
                let buckets = (answer["buckets"]?.array ?? []).map {
                    ($0["bucket"]?.string ?? "", $0["amount"]?["amount"]?.string ?? "")
                }
                return Dictionary(uniqueKeysWithValues: buckets + [("total", answer["total"]?["amount"]?.string ?? "")])
            }
            _ = try await fixture.ok(.post, "/v1/contracts/bulk", .array(rows))
            #expect(try await ageing("2025-12-31")["total"] == "0.00", "not signed yet")
            #expect(try await ageing("2026-01-31")["days1to30"] == "10.00", "paid in February")
            #expect(try await ageing("2026-02-10")["total"] == "0.00")
            for day in ["2020-01-01", "2030-01-01"] {
                rows = (0..<2).map { _ in
                    [
                        "opportunityId": deal["id"] ?? .null, "amount": largest, "signedOn": "2020-01-01",
                        "payments": [["dueOn": .string(day), "amount": largest]],
                    ]
                }
                _ = try await fixture.ok(.post, "/v1/contracts/bulk", .array(rows))
            }
            // As if there were thousands of them.
            try await fixture.environment.writer.commit(
                fixture.tenant.id,
                [
                    """
                    update \(fixture.tenant.schema).contracts set payments = (
                        select jsonb_agg(one.payment) from generate_series(1, 5000)
                        cross join lateral (select payments->0 as payment) one) where signed_on < '2026-01-01'
                    """
                ])
            let all = try await ageing("2026-03-01")
            let most = "92233720368547758.07"
            #expect(all["over90"] == most && all["notDue"] == most && all["total"] == most)
        }
    }

    @Test func `a contract goes where its opportunity goes, and keeps it won`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let (north, south) = (try await fixture.found("North"), try await fixture.found("South"))
            let ann = fixture.person(.sales, id: try await fixture.hire("Ann", team: north))
            let bo = fixture.person(.sales, id: try await fixture.hire("Bo", team: south))
            let deal = try await won(fixture, "A", by: ann)
            let path = "/v1/opportunities/\(deal["id"]?.string ?? "")"
            let body: JSON = [
                "opportunityId": deal["id"] ?? .null, "amount": usd("10.00"), "signedOn": "2026-01-01",
                "externalId": "C-1",
            ]
            let made = try await fixture.ok(.post, "/v1/contracts", body, by: ann)
            let contract = "/v1/contracts/\(made["id"]?.string ?? "")"
            let again = try await fixture.send(.post, "/v1/contracts", body, by: ann)
            #expect(again.status == .ok && again.body["id"] == made["id"])
            let bulk = try await fixture.ok(.post, "/v1/contracts/bulk", [body, body])
            #expect(bulk["items"]?.array?.map { $0["status"]?.int } == [200, 200])
            for act in ["reopen", "lose"] {
                let answer = try await fixture.send(.post, "\(path)/\(act)", ["reason": "x"], by: ann)
                #expect(answer.status == 409, "\(act)")
            }
            #expect(try await fixture.send(.delete, path).status == 409)
            _ = try await fixture.ok(.post, "\(path)/assign", ["ownerId": bo.subject.json])
            #expect(try await fixture.send(.get, contract, by: ann).status == 404)
            let seen = try await fixture.ok(.get, contract, by: bo)
            #expect(seen["ownerId"] == bo.subject.json && seen["teamId"] == south.json && seen["version"] == 2)
            let account = UUIDv7.make().json
            _ = try await fixture.ok(.patch, path, ["accountId": account], by: bo)
            #expect(try await fixture.ok(.get, contract, by: bo)["accountId"] == account)
            // Deleted it follows nobody; it comes back to whoever has the opportunity by then.
            #expect(try await fixture.send(.delete, contract).status == 204)
            _ = try await fixture.ok(.post, "\(path)/assign", ["ownerId": ann.subject.json])
            #expect(try await fixture.ok(.post, "\(contract)/restore")["ownerId"] == ann.subject.json)
            #expect(try await fixture.send(.delete, contract).status == 204)
            let reopened = try await fixture.ok(.post, "\(path)/reopen", [:], by: ann)
            #expect(reopened["status"] == "open")
            #expect(try await fixture.send(.post, "\(contract)/restore").status == 409, "not won any more")
        }
    }
}
