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

/// One target for a scope, one product for a name, also when two come at the same moment or one comes back.
@Suite struct OneOfAKindTests {
    private static let cases: [(path: String, body: JSON)] = [
        ("/v1/targets", ["period": "2026-Q4", "amount": ["amount": "5.00", "currency": "USD"]]),
        ("/v1/products", ["name": "GTX Pro", "aliases": ["GTXPro"]]),
    ]

    @Test(arguments: cases.indices)
    func `two at once are one`(_ index: Int) async throws {
        let (path, body) = Self.cases[index]
        try await OpportunitiesFixture.with { fixture in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { try await fixture.send(.post, path, body).status.code } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 201 }.count == 1 && statuses.filter { (400..<500) ~= $0 }.count == 7)
            #expect(try await fixture.ok(.get, path)["items"]?.array?.count == 1)
        }
    }

    @Test(arguments: cases.indices)
    func `what comes back does not stand beside who took its place`(_ index: Int) async throws {
        let (path, body) = Self.cases[index]
        try await OpportunitiesFixture.with { fixture in
            let old = try await fixture.ok(.post, path, body)["id"]?.string ?? ""
            #expect(try await fixture.send(.delete, "\(path)/\(old)").status == 204)
            let new = try await fixture.ok(.post, path, body)["id"]?.string ?? ""
            #expect((400..<500) ~= (try await fixture.send(.post, "\(path)/\(old)/restore").status.code))
            #expect(try await fixture.send(.delete, "\(path)/\(new)").status == 204)
            _ = try await fixture.ok(.post, "\(path)/\(old)/restore")
        }
    }

    @Test func `a product whose name another has, too, can be changed in all but its names`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let first = try await fixture.ok(.post, "/v1/products", ["name": "GTX"])["id"]?.string ?? ""
            let second = try await fixture.ok(.post, "/v1/products", ["name": "MG"])["id"]?.string ?? ""
            // As an older release let it in.
            try await fixture.environment.writer.commit(
                fixture.tenant.id,
                [
                    """
                    update \(fixture.tenant.schema).products p set name = o.name, match_keys = o.match_keys
                    from \(fixture.tenant.schema).products o where o.id = \(UUID(uuidString: first))
                        and p.id = \(UUID(uuidString: second))
                    """
                ])
            let price: JSON = ["listPrice": ["amount": "7.00", "currency": "USD"]]
            _ = try await fixture.ok(.patch, "/v1/products/\(second)", price)
            #expect(
                try await fixture.send(.patch, "/v1/products/\(second)", ["aliases": ["gtx", "another"]]).status == 422)
        }
    }

    @Test func `a product that another system names otherwise by now is the same`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let told: JSON = ["name": "GTX", "externalSystem": "erp", "externalId": "1"]
            let first = try await fixture.ok(.post, "/v1/products", told)
            let renamed: JSON = ["name": "GTX 2", "externalSystem": "erp", "externalId": "1"]
            let again = try await fixture.send(.post, "/v1/products", renamed)
            #expect(again.status == .ok && again.body["id"] == first["id"])
        }
    }
}
