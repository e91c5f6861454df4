import Contracts
import Foundation
import HTTP
import JSON
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
}
