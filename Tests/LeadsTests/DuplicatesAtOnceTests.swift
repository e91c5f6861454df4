import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Leads

/// The same lead many times at the same moment: the duplicate policy is a promise.
@Suite struct DuplicatesAtOnceTests {
    private func set(_ action: DuplicateAction, _ service: LeadsFixture) async throws {
        try await service.environment.writer.commit(
            service.tenant.id,
            [
                "insert into \(service.tenant.schema).duplicate_policy (policy) values (\(LeadDuplicatePolicy(action: action).json))"
            ])
    }

    private func atOnce(
        _ count: Int, _ service: LeadsFixture, _ body: @escaping @Sendable (Int) -> JSON
    ) async throws -> [Int] {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<count {
                group.addTask {
                    do { return try await service.create(body(number)).status.code } catch {
                        return try #require(Problem(translating: error)).type.status
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }.sorted()
        }
    }

    @Test func `blocked, one is made and the others are named it`() async throws {
        try await LeadsFixture.with { service in
            try await set(.block, service)
            // No two share the same key as all: the phone joins some, the company others.
            let statuses = try await atOnce(12, service) { number in
                ["phone": "13800138000", "company": .string("C\(number % 3)"), "email": "a@example.com"]
            }
            #expect(statuses == [201] + .init(repeating: 409, count: 11))
            #expect(try await service.count("select count(*) from \(service.tenant.schema).leads") == 1)
        }
    }

    @Test func `linked, one is made and every other is a touch of it`() async throws {
        try await LeadsFixture.with { service in
            try await set(.link, service)
            let statuses = try await atOnce(12, service) { _ in ["company": "北京移动", "product": "X1"] }
            #expect(statuses == .init(repeating: 200, count: 11) + [201])
            #expect(try await service.count("select count(*) from \(service.tenant.schema).leads") == 1)
            #expect(try await service.count("select touches from \(service.tenant.schema).leads") == 12)
            #expect(try await service.count("select count(*) from \(service.tenant.schema).touches") == 12)
        }
    }

    @Test func `bulks and single ones at once`() async throws {
        try await LeadsFixture.with { service in
            try await set(.block, service)
            let rows: [Result<JSON, Problem>] = (0..<40).map { .success(["company": .string("Company \($0)")]) }
            async let first = service.statuses(rows)
            async let second = service.statuses(rows.reversed())
            async let singles = atOnce(10, service) { ["company": .string("Company \($0 * 4)")] }
            let created = try await (first + second + singles).count { $0 == 201 }
            #expect(created == 40)
            #expect(try await service.count("select count(*) from \(service.tenant.schema).leads") == 40)
        }
    }

    @Test func `whatever the policy, one record of another system is one lead`() async throws {
        try await LeadsFixture.with { service in
            let statuses = try await atOnce(10, service) { _ in ["externalSystem": "x", "externalId": "1"] }
            #expect(statuses == .init(repeating: 200, count: 9) + [201])
            #expect(try await service.count("select count(*) from \(service.tenant.schema).leads") == 1)
        }
    }
}
