import Postgres
import Tenancy
import Testing
import Values

@testable import EventLog

@Suite struct InboxStatementTests {
    /// A statement prepared while its tables are empty keeps its plan when a million rows have come.
    @Test func eachAggregateIsLookedUpByItselfAlsoInAnEmptyInbox() async throws {
        try await Fixture.with { fixture in
            let keys = (0..<500).map { InboxKey(tenant: fixture.tenant.id.text, aggregate: "lead/\($0)") }
            let lines: [String] = try await fixture.tenants.consume { tx in
                try await tx.events().query("explain \(Inbox(consumer: "reader").states(of: keys))")
            }.map { try $0.get(0) }
            let byKey = lines.filter { $0.contains("Index Cond") && $0.contains("(aggregate = k.aggregate)") }
            #expect(byKey.count == 2, "\(lines.joined(separator: "\n"))")
        }
    }
}
