import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Customers

@Suite struct OrderStorageTests {
    @Test func theNinthOrderMakesStableOnceAndItsReturnReverts() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            _ = try await fixture.orders.resource.createMany(fixture.orderRows(8, of: "1"), fixture.context())
            var stored = try #require(try await fixture.accounts.find(account.id, tenant: fixture.tenant.id))
            #expect(stored.lifecycle == .developing)
            #expect(stored.orderCount == 8)
            #expect(stored.orderValue == Money(minorUnits: 8000, currency: .usd))

            let ninth = try await fixture.orders.resource.createMany(
                fixture.orderRows(1, of: "1", from: 9), fixture.context())
            guard case .created(let id, _)? = ninth.first?.outcome else {
                Issue.record("the ninth order was not created: \(ninth)")
                return
            }
            stored = try #require(try await fixture.accounts.find(account.id, tenant: fixture.tenant.id))
            #expect(stored.lifecycle == .stable)
            let changes = try await fixture.events().filter { $0.type == "account.lifecycle-changed" }
            #expect(changes.count == 2)

            let context = fixture.context()
            _ = try await fixture.orders.resource.change(id.lowercased, context) { old in
                try await fixture.orders.close(old, as: .returned, context)
            }
            stored = try #require(try await fixture.accounts.find(account.id, tenant: fixture.tenant.id))
            #expect(stored.lifecycle == .developing)
            #expect(stored.orderCount == 8)
        }
    }

    /// The figures of a deleted customer are those of its orders when it is restored.
    @Test func theOrdersOfADeletedCustomerStayUntilItIsRestored() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("7")
            let other = try await fixture.account("8")
            let made = try await fixture.orders.resource.createMany(fixture.orderRows(2, of: "7"), fixture.context())
            let orders = made.compactMap { row -> String? in
                if case .created(let id, _) = row.outcome { id.lowercased } else { nil }
            }
            try #require(orders.count == 2)
            let resource = fixture.orders.resource
            _ = try await fixture.accounts.delete(account.id.lowercased, fixture.context())
            for order in orders {
                #expect(try await fixture.status { try await resource.delete(order, fixture.context()) } == .conflict)
                #expect(
                    try await fixture.status {
                        try await resource.patch(order, ["channel": "direct"], fixture.context())
                    } == .conflict)
            }
            // Another customer may have it.
            _ = try await resource.patch(orders[0], ["accountId": other.id.json], fixture.context())
            _ = try await fixture.accounts.restore(account.id.lowercased, fixture.context())
            #expect(try await fixture.status { try await resource.delete(orders[1], fixture.context()) } == .noContent)
            let stored = try #require(try await fixture.accounts.find(other.id, tenant: fixture.tenant.id))
            #expect(stored.orderCount == 1)
        }
    }

    @Test func anOrderToldTwiceIsOneOrder() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("2")
            let rows = fixture.orderRows(3, of: "2")
            _ = try await fixture.orders.resource.createMany(rows, fixture.context())
            let before = try await fixture.events().count
            let again = try await fixture.orders.resource.createMany(rows + rows, fixture.context())
            #expect(again.map(\.status) == [200, 200, 200, 200, 200, 200])
            #expect(try await fixture.events().count == before)
            let stored = try #require(try await fixture.accounts.find(account.id, tenant: fixture.tenant.id))
            #expect(stored.orderCount == 3)
        }
    }

    @Test(arguments: [JSON.string("shop"), .null])
    func anOrderToldAnewInOneBatchIsTheLastOfThem(system: JSON) async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("2")
            let rows = try ["10.00", "20.00", "20.00", "30.00"].map { amount in
                var row = try #require(try fixture.orderRows(1, of: "2")[0].get().object)
                row["accountExternalSystem"] = "shop"
                row["externalSystem"] = system
                row["amount"] = ["amount": .string(amount), "currency": "USD"]
                return Result<JSON, Problem>.success(.object(row))
            }
            let results = try await fixture.orders.resource.createMany(rows, fixture.context())
            #expect(results.map(\.status) == [201, 200, 200, 200])
            // None of them was in the way of another: all went at the first try, together.
            let commits = try await fixture.environment.database.database.query(
                "select count(distinct xmin::text) from shared.outbox where type like 'order.%'",
                role: fixture.environment.database.outboxRole)
            #expect(try commits.single().get(0, as: Int64.self) == 1)
            let again = try await fixture.orders.resource.createMany(rows, fixture.context())
            #expect(again.map(\.status) == [200, 200, 200, 200])
            let stored = try await fixture.stored(account)
            #expect(stored.orderCount == 1 && stored.orderValue == Money(minorUnits: 3000, currency: .usd))
            let orders = try await fixture.environment.database.query(
                fixture.tenant.id, "select id, version from \(fixture.tenant.schema).orders")
            let (id, version): (UUID, Int64) = (try orders.single().get(0), try orders.single().get(1))
            #expect(version == 6)
            let sequences = try await fixture.events().filter { $0.aggregate == id.lowercased }.map(\.sequence)
            #expect(sequences == Array(1...version))
        }
    }

    /// Of two orders of account 2 one that was deleted, and how it is told again with another amount.
    private func deleted(_ fixture: CustomersFixture) async throws -> (id: UUID, row: Result<JSON, Problem>) {
        let rows = fixture.orderRows(2, of: "2")
        let results = try await fixture.orders.resource.createMany(rows, fixture.context())
        guard case .created(let id, _) = results[0].outcome else { throw Problem(.internalError) }
        _ = try await fixture.orders.resource.delete(id.lowercased, fixture.context())
        var row = try #require(try rows[0].get().object)
        row["amount"] = ["amount": "99.00", "currency": "USD"]
        return (id, .success(.object(row)))
    }

    @Test func anOrderThatWasDeletedIsRefusedAndMovesNoFigures() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("2")
            let (id, row) = try await deleted(fixture)
            let before = try await fixture.stored(account)
            let again = try await fixture.orders.resource.createMany(
                [row] + fixture.orderRows(1, of: "2", from: 3), fixture.context())
            #expect(again.map(\.status) == [409, 201])
            guard case .refused(let problem) = again[0].outcome else { return #expect(Bool(false)) }
            #expect(problem.detail.english.contains("POST /v1/orders/\(id.lowercased)/restore"))
            let stored = try await fixture.stored(account)
            #expect(stored.orderCount == before.orderCount + 1)
            #expect(stored.orderValue?.minorUnits == (before.orderValue?.minorUnits ?? 0) + 1000)
        }
    }

    @Test func anOrderThatComesBackCountsAgain() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            let results = try await fixture.orders.resource.createMany(fixture.orderRows(9, of: "1"), fixture.context())
            let before = try await fixture.stored(account)
            guard case .created(let id, _)? = results.last?.outcome else { return #expect(Bool(false)) }
            _ = try await fixture.orders.resource.delete(id.lowercased, fixture.context())
            #expect(try await fixture.stored(account).lifecycle == .developing)
            _ = try await fixture.orders.resource.restore(id.lowercased, fixture.context())
            let after = try await fixture.stored(account)
            #expect(after.lifecycle == .stable && after.orderCount == 9 && after.orderValue == before.orderValue)
        }
    }

    /// The account's figures go with the last row that is written, not with one that is refused.
    @Test func aRefusedRowTakesNoFiguresWithIt() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("2")
            let (_, row) = try await deleted(fixture)
            let again = try await fixture.orders.resource.createMany(
                fixture.orderRows(1, of: "2", from: 3) + [row], fixture.context())
            #expect(again.map(\.status) == [201, 409])
            #expect(try await fixture.stored(account).orderCount == 2)
        }
    }

    /// What another system does not tell, somebody else may have entered.
    @Test func anOrderToldAgainChangesOnlyWhatIsTold() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            let rows = fixture.orderRows(9, of: "1")
            let results = try await fixture.orders.resource.createMany(rows, fixture.context())
            guard case .created(let id, _)? = results.last?.outcome else { return #expect(Bool(false)) }
            let (key, orders) = (id.lowercased, fixture.orders.resource)
            _ = try await orders.patch(key, ["channel": "shop", "description": "gift"], fixture.context())
            let context = fixture.context()
            _ = try await orders.change(key, context) { try await fixture.orders.close($0, as: .returned, context) }
            let before = try await fixture.events().count
            #expect(try await orders.createMany(rows, fixture.context()).allSatisfy { $0.status == 200 })
            #expect(try await fixture.events().count == before)
            var row = try #require(try rows[8].get().object)
            row["amount"] = ["amount": "11.00", "currency": "USD"]
            _ = try await orders.createMany([.success(.object(row))], fixture.context())
            let order = try #require(try await orders.find(id, tenant: fixture.tenant.id))
            #expect(order.status == .returned && order.channel == "shop" && order.description == "gift")
            #expect(order.amount.minorUnits == 1100)
            #expect(try await fixture.stored(account).lifecycle == .developing)
            // By its own number, too: whatever a PUT names is corrected, the customer with it.
            let other = try await fixture.account("2")
            row["accountExternalId"] = "2"
            _ = try await orders.put(
                externalSystem: "shop", id: "1-9", .object(row), fixture.context(ifMatch: .oneOf([order.version])))
            #expect(try await orders.find(id, tenant: fixture.tenant.id)?.accountID == other.id)
            // In part, too.
            _ = try await orders.put(externalSystem: "shop", id: "1-9", ["channel": .null], fixture.context())
            #expect(try await orders.find(id, tenant: fixture.tenant.id)?.channel == nil)
            await #expect(throws: Problem.self) {
                try await orders.put(
                    externalSystem: "shop", id: "1-9", .object(row), fixture.context(ifMatch: .oneOf([1])))
            }
            await #expect(throws: Refusal.self) {
                try await orders.patch(key, ["orderedOn": "2199-12-31"], fixture.context())
            }
        }
    }

    @Test func figuresStopAtTheLargestAmount() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            _ = try await fixture.orders.resource.createMany(fixture.orderRows(2, of: "1"), fixture.context())
            // As thousands of the largest orders would add up.
            try await fixture.environment.writer.commit(
                fixture.tenant.id, ["update \(fixture.tenant.schema).orders set amount_minor = \(Int64.max - 1)"])
            let rows = fixture.orderRows(1, of: "1", from: 3)
            #expect(try await fixture.orders.resource.createMany(rows, fixture.context()).map(\.status) == [201])
            #expect(try await fixture.stored(account).orderValue?.minorUnits == Money.bound)
        }
    }

    /// Batches that all hang on one account meet at its version: each order is placed once, and none is refused.
    @Test func batchesOfOneAccountBesideEachOtherAllSucceed() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            let results = try await withThrowingTaskGroup(of: [RowResult].self) { group in
                for batch in 0..<12 {
                    let rows = fixture.orderRows(3, of: "1", from: batch * 3 + 1)
                    // Every batch is sent twice, as a client does whose answer was lost.
                    for _ in 0..<2 {
                        group.addTask { try await fixture.orders.resource.createMany(rows, fixture.context()) }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(results.filter { $0.status == 201 }.count == 36)
            #expect(results.allSatisfy { [200, 201, 409].contains($0.status) })
            let stored = try #require(try await fixture.accounts.find(account.id, tenant: fixture.tenant.id))
            #expect(stored.orderCount == 36)
            let sequences = try await fixture.events().filter { $0.aggregate == account.id.lowercased }.map(\.sequence)
            #expect(sequences == Array(1...stored.version))
        }
    }

    @Test func everyAggregatesSequenceIsContiguous() async throws {
        try await CustomersFixture.with { fixture in
            for number in 1...5 { _ = try await fixture.account("\(number)") }
            let rows = (1...5).flatMap { fixture.orderRows(20, of: "\($0)") }
            let results = try await fixture.orders.resource.createMany(rows, fixture.context())
            #expect(results.allSatisfy { $0.status == 201 })
            var last: [String: Int64] = [:]
            for event in try await fixture.events() {
                #expect(event.sequence == (last[event.aggregate] ?? 0) + 1)
                last[event.aggregate] = event.sequence
            }
            #expect(last.count == 105)
        }
    }

    @Test func aBadRowStopsNoOther() async throws {
        try await CustomersFixture.with { fixture in
            _ = try await fixture.account("1")
            var rows = fixture.orderRows(3, of: "1")
            rows.insert(.success(["amount": "ten"]), at: 1)
            rows.append(contentsOf: fixture.orderRows(1, of: "nobody"))
            let results = try await fixture.orders.resource.createMany(rows, fixture.context())
            #expect(results.map(\.status) == [201, 422, 201, 201, 422])
        }
    }

    @Test func aStaleVersionIsRefusedAndLosesNothing() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            let key = account.id.lowercased
            _ = try await fixture.accounts.patch(
                key, ["industry": "retail"], fixture.context(ifMatch: .oneOf([1])))
            await #expect(throws: Problem.self) {
                try await fixture.accounts.patch(key, ["industry": "music"], fixture.context(ifMatch: .oneOf([1])))
            }
            let stored = try #require(try await fixture.accounts.find(account.id, tenant: fixture.tenant.id))
            #expect(stored.industry == "retail")
            #expect(stored.version == 2)
        }
    }

    @Test func writersAtOnceLoseNoChange() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            let key = account.id.lowercased
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...6 {
                    group.addTask {
                        _ = try await fixture.accounts.change(key, fixture.context()) { old in
                            var new = old
                            new.aliases.append("alias \(number)")
                            return Modification(from: old, to: new)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let stored = try #require(try await fixture.accounts.find(account.id, tenant: fixture.tenant.id))
            #expect(stored.aliases.count == 6)
            #expect(stored.version == 7)
        }
    }
}
