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

@testable import Customers

/// Who may come in: duplicates, also at the same moment, and places in the tree.
@Suite struct IntakeTests {
    @Test(arguments: [DuplicateAction.block, .link])
    func `the same account sent many times at once is one account`(_ action: DuplicateAction) async throws {
        try await CustomersFixture.with { fixture in
            try await fixture.set(action)
            // Each is another spelling, and every second one shares the phone alone.
            let statuses = try await fixture.atOnce(12) { number in
                try await fixture.accounts.create(
                    [
                        "name": .string(number % 2 == 0 ? "北京海风\(["有限公司", "股份有限公司"][number / 2 % 2])" : "另一家\(number)"),
                        "phone": "010-6552 9988",
                    ], fixture.context())
            }
            #expect(statuses.filter { $0 == 201 }.count == 1)
            #expect(statuses.filter { $0 == (action == .block ? 409 : 200) }.count == 11)
            #expect(try await fixture.count("select count(*) from \(fixture.tenant.schema).accounts") == 1)
        }
    }

    @Test func `bulks at once obey the policy, too`() async throws {
        try await CustomersFixture.with { fixture in
            try await fixture.set(.block)
            let rows: [Result<JSON, Problem>] = (0..<100).map { .success(["name": .string("Company \($0)")]) }
            let created = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        try await fixture.accounts.createMany(rows, fixture.context()).count { $0.status == 201 }
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(created == 100)
            #expect(try await fixture.count("select count(*) from \(fixture.tenant.schema).accounts") == 100)
        }
    }

    @Test func `the usual policy makes both and names the other with the reason`() async throws {
        try await CustomersFixture.with { fixture in
            let first = try fixture.read(
                try await fixture.accounts.create(["name": "华为技术有限公司"], fixture.context()))
            let second = try fixture.read(
                try await fixture.accounts.create(["name": "Huawei", "aliases": ["華為技術"]], fixture.context()))
            #expect(second["duplicates"]?[0]?["id"] == first["id"])
            #expect(second["duplicates"]?[0]?["why"] == ["same name or alias"])
        }
    }

    @Test func `a linked account learns the other name and the missing numbers`() async throws {
        try await CustomersFixture.with { fixture in
            try await fixture.set(.link)
            let body: JSON = ["name": "Huawei", "aliases": ["华为"], "email": "a@huawei.com"]
            let first = try fixture.read(try await fixture.accounts.create(body, fixture.context()))
            let answer = try await fixture.accounts.create(
                [
                    "name": "华为技术有限公司", "email": "A@Huawei.com", "phone": "0755-28780808",
                    "externalSystem": "erp", "externalId": "7",
                ], fixture.context())
            let linked = try fixture.read(answer)
            #expect(answer.status == .ok && linked["id"] == first["id"] && linked["version"] == 2)
            #expect(linked["aliases"] == ["华为", "华为技术有限公司"] && linked["phone"]?.string?.hasSuffix("28780808") == true)
            #expect(linked["externalId"] == "7" && linked["duplicates"]?[0]?["why"] == ["same e-mail"])
            // It has its identity in that system; another record of the system is another customer.
            let other = try await fixture.accounts.create(
                ["name": "华为", "externalSystem": "erp", "externalId": "8"], fixture.context())
            #expect(other.status == .created)
        }
    }

    /// What very many share hides nobody who shares something else.
    @Test func `a phone that many share hides no credit code`() async throws {
        try await CustomersFixture.with { fixture in
            let policy = AccountDuplicatePolicy(action: .block, keys: [.creditCode])
            try await fixture.environment.writer.commit(fixture.tenant.id, [policy.store(in: fixture.tenant.schema)])
            let phone = "010-6552 9988"
            let rows: [Result<JSON, Problem>] = (0..<45).map {
                .success(["name": .string("Outlet \($0)"), "phone": .string(phone)])
            }
            let made = try await fixture.accounts.createMany(rows, fixture.context())
            #expect(made.allSatisfy { $0.status == 201 })
            let code = "91350100M000100Y43"
            let first = try await fixture.accounts.create(
                ["name": "Head", "phone": .string(phone), "creditCode": .string(code)], fixture.context())
            #expect(first.status == .created)
            let again = await #expect(throws: Problem.self) {
                try await fixture.accounts.create(
                    ["name": "Other", "phone": .string(phone), "creditCode": .string(code)], fixture.context())
            }
            #expect(again?.type == .duplicate)
        }
    }

    @Test func `contacts of one account with one phone are one person, of two accounts two`() async throws {
        try await CustomersFixture.with { fixture in
            try await fixture.set(.block)
            let (one, two) = (try await fixture.account("1"), try await fixture.account("2"))
            let statuses = try await fixture.atOnce(8) { number in
                try await fixture.contacts.create(
                    ["name": .string("王\(number)"), "accountId": one.id.json, "phone": "138 0013 8000"],
                    fixture.context())
            }
            #expect(statuses == [201] + .init(repeating: 409, count: 7))
            let elsewhere = try await fixture.contacts.create(
                ["name": "王", "accountExternalSystem": "shop", "accountExternalId": "2", "phone": "13800138000"],
                fixture.context())
            let placed = try fixture.read(elsewhere)["accountId"]
            #expect(elsewhere.status == .created && placed == two.id.json)
            let rows: [Result<JSON, Problem>] = [
                .success(["name": "Li", "externalSystem": "erp", "externalId": "1"]),
                .success(["name": "Li", "externalSystem": "erp", "externalId": "1"]),
                .success(["name": "Nobody's", "accountExternalSystem": "shop", "accountExternalId": "9"]),
            ]
            let results = try await fixture.contacts.createMany(rows, fixture.context())
            #expect(results.map(\.status) == [201, 200, 422])
        }
    }

    @Test func `one order told by many at once is one order, and no other order is lost`() async throws {
        try await CustomersFixture.with { fixture in
            let account = try await fixture.account("1")
            let today = Timestamp.now().date(in: .gmt)
            let statuses = try await fixture.atOnce(20) { number in
                try await fixture.orders.resource.create(
                    [
                        "externalSystem": "shop", "externalId": .string("\(number % 5)"), "accountId": account.id.json,
                        "orderedOn": today.json, "amount": ["amount": "10.00", "currency": "USD"],
                    ], fixture.context())
            }
            #expect(statuses == .init(repeating: 200, count: 15) + .init(repeating: 201, count: 5))
            let stored = try await fixture.stored(account)
            #expect(stored.orderCount == 5 && stored.orderValue?.minorUnits == 5000 && stored.lifecycle == .developing)
            #expect(try await fixture.events().filter { $0.type == "account.lifecycle-changed" }.count == 2)
        }
    }

    @Test func `no circle closes, whatever is changed at once`() async throws {
        try await CustomersFixture.with { fixture in
            var accounts: [Account] = []
            for number in 1...4 { accounts.append(try await fixture.account("\(number)")) }
            let ring = accounts
            let statuses = try await fixture.atOnce(4) { number in
                try await fixture.accounts.patch(
                    ring[number].id.lowercased, ["parentId": ring[(number + 1) % 4].id.json], fixture.context())
            }
            #expect(statuses == [200, 200, 200, 422])
            let unknown = try await fixture.status {
                try await fixture.accounts.create(["name": "X", "parentId": UUIDv7.make().json], fixture.context())
            }
            #expect(unknown.code == 422)
            let own = try await fixture.status {
                let id = ring[0].id
                return try await fixture.accounts.patch(id.lowercased, ["parentId": id.json], fixture.context())
            }
            #expect(own.code == 422)
        }
    }

    @Test func `a tree has twenty levels and no more`() async throws {
        try await CustomersFixture.with { fixture in
            var parent: JSON = .null
            for level in 1...Hierarchy.maximumDepth {
                let answer = try await fixture.accounts.create(
                    ["name": .string("Level \(level)"), "parentId": parent], fixture.context())
                parent = try fixture.read(answer)["id"] ?? .null
            }
            let deepest = parent
            let status = try await fixture.status {
                try await fixture.accounts.create(["name": "Too deep", "parentId": deepest], fixture.context())
            }
            #expect(status.code == 422)
        }
    }
}
