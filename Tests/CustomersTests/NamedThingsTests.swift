import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import TestKit
import Testing
import Values

@testable import Customers

/// Teams, business lines and products that customers and their orders name are there.
@Suite struct NamedThingsTests {
    @Test(arguments: ["teamId", "businessLineId", "productId"])
    func `an order names what is there, or what it named before`(member: String) async throws {
        try await CustomersFixture.with { fixture in
            _ = try await fixture.account("1")
            let (stranger, known) = (UUIDv7.make(), UUIDv7.make())
            func row(_ number: Int, _ id: UUID) throws -> Result<JSON, Problem> {
                var row = try #require(try fixture.orderRows(1, of: "1", from: number)[0].get().object)
                row[member] = id.json
                return .success(.object(row))
            }
            func statuses(_ rows: [Result<JSON, Problem>]) async throws -> [Int] {
                try await fixture.orders.resource.createMany(rows, fixture.context()).map(\.status)
            }
            // Nobody can tell yet.
            #expect(try await statuses([try row(1, stranger)]) == [201])
            try await fixture.fillCopies(.teams, .businessLines, .products)
            #expect(try await statuses([try row(2, stranger)]) == [422])
            try await fixture.tell(member, known)
            #expect(try await statuses([try row(2, known)]) == [201])
            // Told again it stays as it was, and other fields may change.
            #expect(try await statuses([try row(1, stranger)]) == [200])
            let key = ExternalKey(system: "shop", id: "1-1")
            let order = try #require(try await fixture.orders.resource.find(key, tenant: fixture.tenant.id))
            let changed = try fixture.read(
                try await fixture.orders.resource.patch(
                    order.id.lowercased, ["channel": "direct", member: stranger.json], fixture.context()))
            #expect(changed["channel"] == "direct" && changed[member] == stranger.json)
            await #expect(throws: Problem.self) {
                try await fixture.orders.resource.patch(
                    order.id.lowercased, [member: UUIDv7.make().json], fixture.context())
            }
        }
    }

    @Test func `accounts and contacts name teams that are there`() async throws {
        try await CustomersFixture.with { fixture in
            try await fixture.fillCopies(.teams, .businessLines, .products)
            let (team, nobody) = (try await fixture.found("North"), UUIDv7.make())
            for (id, status) in [(team, 201), (nobody, 422)] {
                let body: JSON = ["name": .string("A \(status)"), "teamId": id.json]
                let rows = [Result<JSON, Problem>.success(body)]
                #expect(try await fixture.accounts.createMany(rows, fixture.context()).map(\.status) == [status])
                #expect(try await fixture.contacts.createMany(rows, fixture.context()).map(\.status) == [status])
            }
        }
    }
}

extension CustomersFixture {
    fileprivate func tell(_ member: String, _ id: UUID) async throws {
        switch member {
        case "teamId": _ = try await found("North", id: id)
        case "businessLineId":
            var line = BusinessLineSnapshot()
            (line.id, line.name) = (id, "Retail")
            try await environment.database.tell(.businessLines, id, line.json, of: tenant)
        default:
            var product = ProductSnapshot()
            (product.id, product.name) = (id, "Piano")
            try await environment.database.tell(.products, id, product.json, of: tenant)
        }
    }
}
