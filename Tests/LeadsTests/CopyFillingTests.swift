import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Runtime
import ServiceKit
import Tenancy
import Testing
import Values

@testable import Leads
@testable import Resources

/// Copies of what the event log holds no longer.
@Suite struct CopyFillingTests {
    private static let old = (0..<3).map { _ in UUIDv7.make() }.sorted { $0.lowercased < $1.lowercased }

    private func filling(_ service: LeadsFixture, _ ask: @escaping CopyFilling.Ask) -> CopyFilling {
        CopyFilling(
            database: service.environment.database, parts: [.businessLines, .teams],
            logger: Logger(service: "leads", level: .error), ask: ask)
    }

    /// Two pages of teams, no business lines.
    private static let answers: CopyFilling.Ask = { part, _, after in
        guard part == .teams else { return [] }
        let rest = after.map { last in old.filter { $0.lowercased > last.lowercased } } ?? old
        return rest.prefix(2).map { id in
            ["id": id.json, "name": "Old", "parentId": .null, "active": .bool(id != old[0])]
        }
    }

    @Test func `what was there before is in them, what events told meanwhile stands`() async throws {
        try await LeadsFixture.with { service in
            _ = try await service.found("Renamed", id: Self.old[2])
            #expect(await filling(service, Self.answers).round())
            let schema = service.tenant.schema
            #expect(try await service.count("select count(*) from \(schema).teams") == 3)
            #expect(try await service.count("select count(*) from \(schema).teams where not active") == 1)
            #expect(try await service.count("select count(*) from \(schema).teams where name = 'Renamed'") == 1)
            let statuses = try await service.statuses(
                (Self.old + [UUIDv7.make()]).enumerated().map {
                    .success(["company": .string("C \($0)"), "teamId": $1.json])
                })
            #expect(statuses == [422, 201, 201, 422])
            // It is done once.
            let unanswered = filling(service) { _, _, _ in throw CancellationError() }
            #expect(await unanswered.round())
        }
    }

    @Test func `until who has it answers nobody is refused, and it is asked again`() async throws {
        try await LeadsFixture.with { service in
            let unanswered = filling(service) { _, _, _ in throw CancellationError() }
            let stranger: [Result<JSON, Problem>] = [.success(["company": "A", "teamId": UUIDv7.make().json])]
            #expect(await !unanswered.round())
            let before = try await service.statuses(stranger)
            #expect(before == [201])
            #expect(await filling(service, Self.answers).round())
            let after = try await service.statuses([.success(["company": "B", "teamId": UUIDv7.make().json])])
            #expect(after == [422])
        }
    }
}
