import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import ServiceKit
import Tenancy
import Testing
import Values

@testable import Customers

/// Time and thresholds change the lifecycle: on a real database, with a clock of the test's own.
@Suite struct LifecycleTests {
    private func day(_ number: Int, after start: CalendarDate) -> Timestamp {
        start.adding(days: number).start(in: .gmt) + .seconds(3600)
    }

    private func order(_ number: Int, _ account: Account, on day: CalendarDate) -> JSON {
        [
            "externalSystem": "shop", "externalId": .string("o-\(number)"), "accountId": account.id.json,
            "orderedOn": day.json, "amount": ["amount": "10.00", "currency": "USD"],
        ]
    }

    private func changes(_ fixture: CustomersFixture) async throws -> Int {
        try await fixture.events().filter { $0.type == "account.lifecycle-changed" }.count
    }

    @Test func `silence puts at risk and then loses, one event each, and an order wins back`() async throws {
        try await CustomersFixture.with { fixture in
            let clock = LifecycleClock(accounts: fixture.accounts, logger: Logger(service: "customers"))
            let today = Timestamp.now().date(in: .gmt)
            let account = try await fixture.account("1")
            _ = try await fixture.orders.resource.create(order(1, account, on: today), fixture.context())
            for (number, state, events) in [
                (1, LifecycleState.signed, 1), (89, .signed, 1), (90, .atRisk, 2), (91, .atRisk, 2), (180, .lost, 3),
                (400, .lost, 3),
            ] {
                // Two clocks at once, as two instances of the service have them.
                async let first = clock.pass(fixture.tenant, now: day(number, after: today))
                async let second = clock.pass(fixture.tenant, now: day(number, after: today))
                _ = try await (first, second)
                #expect(try await fixture.stored(account).lifecycle == state, "day \(number)")
                #expect(try await changes(fixture) == events, "day \(number)")
            }
            let steps = try await fixture.lifecycle.steps(of: account.id, before: nil, limit: 10, fixture.tenant.id)
            #expect(
                steps.map(\.to) == ["lost", "atRisk", "signed"]
                    && steps.map(\.from) == ["atRisk", "signed", "potential"])
            #expect(steps.map(\.asOf) == [180, 90, 0].map(today.adding(days:)))
            #expect(steps[0].json(language: .english)["reason"] == "no order for 180 days")
            #expect(steps[0].json(language: .chinese)["reason"] == "180 天未下单")
            #expect(steps[2].json(language: .english)["reason"] == "order number 1")
            let later = try await fixture.lifecycle.steps(
                of: account.id, before: steps[0].version, limit: 1, fixture.tenant.id)
            #expect(later.map(\.to) == ["atRisk"])
            var last: [String: Int64] = [:]
            for event in try await fixture.events() {
                #expect(event.sequence == (last[event.aggregate] ?? 0) + 1)
                last[event.aggregate] = event.sequence
            }
        }
    }

    @Test func `an order of a day that has not come here yet counts from its day on`() async throws {
        try await CustomersFixture.with { fixture in
            let clock = LifecycleClock(accounts: fixture.accounts, logger: Logger(service: "customers"))
            let today = Timestamp.now().date(in: .gmt)
            let account = try await fixture.account("1")
            _ = try await fixture.orders.resource.create(
                order(1, account, on: today.adding(days: 1)), fixture.context())
            #expect(try await fixture.stored(account).lifecycle == .potential)
            try await clock.pass(fixture.tenant, now: day(1, after: today))
            #expect(try await fixture.stored(account).lifecycle == .signed)
        }
    }

    @Test func `thresholds are told, guarded by their version, and every account follows them`() async throws {
        try await CustomersFixture.with { fixture in
            let clock = LifecycleClock(accounts: fixture.accounts, logger: Logger(service: "customers"))
            let today = Timestamp.now().date(in: .gmt)
            let account = try await fixture.account("1")
            for number in 1...3 {
                _ = try await fixture.orders.resource.create(
                    order(number, account, on: today.adding(days: -50)), fixture.context())
            }
            #expect(try await fixture.stored(account).lifecycle == .developing)
            var policy: JSON = [
                "stableFromOrder": 3, "atRiskAfterDays": 60, "lostAfterDays": 120,
                "highValueFrom": ["amount": "100.00", "currency": "USD"],
            ]
            _ = try await fixture.lifecycle.put(policy, fixture.context(ifMatch: .oneOf([0])))
            try await clock.pass(fixture.tenant, everybody: true)
            #expect(try await fixture.stored(account).lifecycle == .stable)
            policy["highValueFrom"] = ["amount": "30.00", "currency": "USD"]
            _ = try await fixture.lifecycle.put(policy, fixture.context(ifMatch: .oneOf([1])))
            try await clock.pass(fixture.tenant, everybody: true)
            #expect(try await fixture.stored(account).lifecycle == .highValue)
            // So does each of many, some at a time.
            policy["stableFromOrder"] = 8
            _ = try await fixture.lifecycle.put(policy, fixture.context(ifMatch: .oneOf([2])))
            var others: [Account] = []
            for number in 2...6 {
                others.append(try await fixture.account("\(number)"))
                let rows = fixture.orderRows(3, of: "\(number)")
                _ = try await fixture.orders.resource.createMany(rows, fixture.context())
            }
            for other in others { #expect(try await fixture.stored(other).lifecycle == .developing) }
            policy["stableFromOrder"] = 2
            _ = try await fixture.lifecycle.put(policy, fixture.context(ifMatch: .oneOf([3])))
            try await LifecycleClock(accounts: fixture.accounts, logger: clock.logger, page: 2)
                .pass(fixture.tenant, everybody: true)
            for other in others { #expect(try await fixture.stored(other).lifecycle == .highValue) }
            // Without a minute's wait: an order decides by the new ones.
            policy["stableFromOrder"] = 9
            _ = try await fixture.lifecycle.put(policy, fixture.context())
            _ = try await fixture.orders.resource.create(order(4, account, on: today), fixture.context())
            #expect(try await fixture.stored(account).lifecycle == .developing)
            let stale = try await fixture.status { [policy] in
                try await fixture.lifecycle.put(policy, fixture.context(ifMatch: .oneOf([1])))
            }
            #expect(stale.code == 412)
            // The same again is no change, and contradictions are refused.
            _ = try await fixture.lifecycle.put(policy, fixture.context())
            for (member, value) in [
                ("lostAfterDays", 60), ("highValueFrom", ["amount": "30.00", "currency": "CNY"]),
                ("stableFromOrder", 1),
            ] as [(String, JSON)] {
                var broken = policy
                broken[member] = value
                let status = try await fixture.status { [broken] in
                    try await fixture.lifecycle.put(broken, fixture.context())
                }
                #expect(status.code == 422, "\(member)")
            }
            let told = try await fixture.events().filter { $0.type.hasPrefix("lifecycle-policy.") }
            #expect(
                told.map(\.type) == ["lifecycle-policy.created"]
                    + .init(repeating: "lifecycle-policy.updated", count: 4))
            #expect(told.map(\.sequence) == [1, 2, 3, 4, 5])
        }
    }

    @Test func `first thresholds set by many at once are one policy`() async throws {
        try await CustomersFixture.with { fixture in
            let statuses = try await fixture.atOnce(5) { number in
                try await fixture.lifecycle.put(
                    ["stableFromOrder": .int(Int64(number) + 3), "atRiskAfterDays": 60, "lostAfterDays": 120],
                    fixture.context())
            }
            #expect(statuses == [200, 200, 200, 200, 200])
            let sequences = try await fixture.events().map(\.sequence)
            #expect(sequences == [1, 2, 3, 4, 5])
        }
    }
}
