import Foundation
import Postgres
import Synchronization
import Tenancy
import TestKit
import Testing
import Values

@testable import EventLog

/// A relay that comes back with very much behind it.
@Suite(.timeLimit(.minutes(3)))
struct BacklogTests {
    /// A million with `GUANXI_TEST_BACKLOG=1000000`: writing them takes a server a minute. What is tested reads the same
    /// pages either way.
    private static let waiting =
        ProcessInfo.processInfo.environment["GUANXI_TEST_BACKLOG"].flatMap { Int($0) } ?? 200_000

    /// Half of the slots are far behind, as those of an instance that was away for hours. Events of the other
    /// half are not held up by more than one page of these, and no more than a page is appended at once.
    ///
    /// Counted in pages between a live event's commit and its publication, so that no machine is too slow for it.
    @Test func aLongBacklogStarvesNeitherLiveEventsNorMemory() async throws {
        try await Fixture.with { fixture in
            try await Self.fill(fixture)
            let plan = try await Self.planOfPage(fixture)
            #expect(plan.contains("Merge Append") && !plan.contains("->  Sort"), "\(plan)")

            let rows = try await fixture.tenants.database.query(
                """
                select 'live' || g from generate_series(1, 1000) g where (hashtext('live' || g) & 15) >= 8
                order by g limit \(Int64(Counting.enough))
                """, role: fixture.tenants.outboxRole)
            let log = Counting(fixture, live: try rows.map { try $0.get(0) })
            var options = OutboxRelay.Options()
            options.page = 1000
            options.countLimit = 5000
            let relay = OutboxRelay(database: fixture.tenants, log: log, topic: fixture.topic, options: options)
            try await running(relay.run) { try await eventually { log.seen.pages == Counting.enough } }
            let seen = log.seen
            // More than was counted at first is published, and it still says that much waits.
            #expect(relay.status.depth > 0)
            #expect(seen.largest <= options.page)
            #expect(seen.delays.count >= Counting.enough - 2, "\(seen.delays)")
            #expect(seen.delays.allSatisfy { $0 <= 1 }, "pages that live events waited for: \(seen.delays)")
            #expect(seen.gaps.isEmpty)
        }
    }

    /// How a page is read: along the index, so that the last page costs as little as the first.
    private static func planOfPage(_ fixture: Fixture) async throws -> String {
        let read = RelayCursor.Read.page(snapshot: "1:1:", upper: "9000000000000:9000000000000:", after: 5000)
        return try await fixture.tenants.database.withLocks(fixture.tenants.outboxRole) { session in
            for setting in OutboxReader.settings { try await session.query(setting) }
            let rows = try await session.query(
                "explain \(OutboxReader.statement(read, slots: Array(0...7), page: 1000))")
            return try rows.map { try $0.get(0, as: String.self) }.joined(separator: "\n")
        }
    }

    /// All that waits is in slots 0 to 7; slots 8 to 15 are published up to this moment.
    private static func fill(_ fixture: Fixture) async throws {
        let database = fixture.tenants.database
        try await database.withTransaction(role: fixture.tenants.serviceRole) { transaction in
            _ = try await transaction.query(
                """
                insert into shared.outbox (tenant, event_id, source, type, aggregate_type, aggregate_id, sequence,
                    occurred_at, data)
                select \(fixture.tenant.id.text), gen_random_uuid(), '/test', 'lead.created', 'lead', k.name, s.number,
                    now(), '{"n": 1}'
                from (select 'behind' || g as name from generate_series(1, 1000) g
                    where (hashtext('behind' || g) & 15) < 8 order by g limit 400) k,
                    generate_series(1, \(Int64(waiting / 400))) s(number)
                order by s.number, k.name
                """)
        }
        _ = try await database.query(
            """
            insert into shared.relay_cursor (slot, system_identifier, snapshot)
            select slot, system_identifier, pg_current_snapshot()
            from generate_series(8, 15) slot, pg_control_system()
            """, role: fixture.tenants.outboxRole)
    }
}

/// Takes everything and keeps only counts. With each page of what was behind it writes a live event, and counts the
/// pages that come before that is published.
private final class Counting: AppendOnlyLog {
    static let enough = 30

    struct Seen {
        var pages = 0
        var largest = 0
        /// Pages of what was behind that came between the commit of a live event and its publication.
        var delays: [Int] = []
        var gaps: [String] = []
        private var sequences: [String: Int64] = [:]

        /// The number of the page if it is one of those behind.
        mutating func take(_ events: [CloudEvent], _ live: [String]) -> Int? {
            largest = max(largest, events.count)
            var isBehind = false
            for event in events {
                if let page = live.firstIndex(of: event.aggregateID) {
                    delays.append(pages - page)
                    continue
                }
                isBehind = true
                let last = sequences.updateValue(event.sequence, forKey: event.aggregateID) ?? 0
                if event.sequence != last + 1 { gaps.append("\(event.aggregateID) \(event.sequence)") }
            }
            guard isBehind else { return nil }
            pages += 1
            return pages
        }
    }

    let name = "counting"
    private let fixture: Fixture
    private let live: [String]
    private let state = Mutex(Seen())
    var seen: Seen { state.withLock { $0 } }

    /// - Parameter live: aggregates of slots that are not behind, one for each page.
    init(_ fixture: Fixture, live: [String]) { (self.fixture, self.live) = (fixture, live) }

    func append(_ records: [EventRecord], to topic: String) async throws {
        let events = try records.map { try CloudEvent($0) }
        let page = state.withLock { $0.take(events, live) }
        guard let page else { return }
        if page < Self.enough { return try await fixture.write([fixture.event(live[page], 1)]) }
        // Enough was seen: the rest would only take time.
        try await Task.sleep(for: .seconds(3600))
    }
}
