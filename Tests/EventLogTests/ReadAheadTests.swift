import Foundation
import JSON
import Postgres
import Synchronization
import Tenancy
import TestKit
import Testing
import Values

@testable import EventLog

/// A backlog's next page is read while the log takes the one before: what must not come of that.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ReadAheadTests {
    private static let pages: OutboxRelay.Options = {
        var options = OutboxRelay.Options()
        options.page = 10
        return options
    }()

    private static func relay(_ fixture: Fixture, _ log: any EventLog, storePace: Duration? = nil) -> OutboxRelay {
        var options = pages
        if let storePace { options.storePace = storePace }
        return OutboxRelay(database: fixture.tenants, log: log, topic: fixture.topic, options: options)
    }

    /// Stopped while its look at the next page waits for somebody's lock, the relay still notes what the log has taken.
    @Test func aRelayThatIsStoppedMeanwhileRepeatsNothing() async throws {
        try await Fixture.with { fixture in
            let names = (0..<8).map { "a\($0)" }
            for sequence in 1...10 as ClosedRange<Int64> {
                try await fixture.write(names.map { fixture.event($0, sequence) })
            }
            let log = Recording()
            let relay = Self.relay(fixture, log, storePace: .seconds(3600))
            try await fixture.tenants.database.withTransaction(role: fixture.owner) { tx in
                log.afterFirst = { _ = try await tx.query("lock table shared.outbox in access exclusive mode") }
                try await running(relay.run) {
                    try await eventually {
                        guard !log.events.isEmpty, relay.status.published == log.events.count else { return false }
                        return try await fixture.tenants.database.query(
                            "select exists (select from pg_locks where not granted and relation = 'shared.outbox'::regclass)",
                            role: fixture.tenants.outboxRole
                        ).single().get(0)
                    }
                }
                #expect((10..<80).contains(log.events.count))
            }
            let next = Self.relay(fixture, log)
            try await running(next.run) { try await eventually { log.events.count >= 80 && next.status.depth == 0 } }
            #expect(log.sequences == Dictionary(uniqueKeysWithValues: names.map { ($0, Array(1...10)) }))
        }
    }

    /// However large events are, a relay holds some megabytes of them.
    @Test func largeEventsArePublishedAFewAtATime() async throws {
        try await Fixture.with { fixture in
            let data: JSON = ["text": .string(String(repeating: "x", count: 800_000))]
            for sequence in 1...30 as ClosedRange<Int64> {
                try await fixture.write([fixture.event("a\(sequence % 3)", (sequence + 2) / 3, data: data)])
            }
            let log = Recording()
            let relay = OutboxRelay(database: fixture.tenants, log: log, topic: fixture.topic)
            try await running(relay.run) { try await eventually { log.events.count >= 30 && relay.status.depth == 0 } }
            #expect(log.sequences == Dictionary(uniqueKeysWithValues: (0..<3).map { ("a\($0)", Array(1...10)) }))
            #expect(log.largest > 1 << 20 && log.largest <= 8 << 20, "\(log.largest)")
        }
    }

    /// While the log takes nothing it is told how much waits, and since when.
    @Test func whatWaitsIsCountedWhileTheLogIsAway() async throws {
        try await Fixture.with { fixture in
            let log = Recording()
            let (gate, open) = AsyncStream.makeStream(of: Void.self)
            log.afterEach = { for await _ in gate {} }
            var options = OutboxRelay.Options()
            options.countPace = .milliseconds(20)
            let relay = OutboxRelay(database: fixture.tenants, log: log, topic: fixture.topic, options: options)
            try await running(relay.run) {
                try await fixture.write([fixture.event("a", 1)])
                relay.nudge()
                try await eventually { relay.status.depth == 1 && relay.status.lag > .zero }
                try await fixture.write((2...40).map { fixture.event("a", $0) })
                try await eventually { relay.status.depth == 40 }
                let lag = relay.status.lag
                try await eventually { relay.status.lag > lag }
                open.finish()
                try await eventually { log.events.count == 40 && relay.status.depth == 0 && relay.status.lag == .zero }
            }
        }
    }

    /// Also when it was away from the beginning.
    @Test func whatWaitsIsCountedWhereTheLogWasNeverThere() async throws {
        try await Fixture.with { fixture in
            var options = OutboxRelay.Options()
            options.countPace = .milliseconds(20)
            let relay = OutboxRelay(database: fixture.tenants, log: Absent(), topic: fixture.topic, options: options)
            try await running(relay.run) {
                try await fixture.write((1...3).map { fixture.event("a", $0) })
                try await eventually { relay.status.depth == 3 && relay.status.lag > .zero }
            }
        }
    }

    /// Where a backlog ends says nothing of slots that were never behind: they are not published again from there.
    @Test func theEndOfABacklogIsNoMomentForOthers() async throws {
        try await Fixture.with { fixture in
            let rows = try await fixture.tenants.database.query(
                """
                select (hashtext(name) & 15) < 8, array_agg(name order by name) from (
                    select 'a' || g as name from generate_series(1, 200) g) names group by 1 order by 1
                """, role: fixture.tenants.outboxRole)
            let (live, behind): ([String], [String]) = (try rows[0].get(1), try rows[1].get(1))
            // Which of the two groups has its turn first is chance.
            for turn in 1...6 as ClosedRange<Int64> {
                let log = Recording()
                let next = Mutex(0)
                log.afterEach = {
                    let number = next.withLock { next in
                        defer { next += 1 }
                        return next
                    }
                    if number < 8 { try await fixture.write([fixture.event(live[number], turn)]) }
                }
                for part in 1...5 as ClosedRange<Int64> {
                    try await fixture.write(behind.prefix(8).map { fixture.event($0, 5 * (turn - 1) + part) })
                }
                try await Self.putBack(fixture)
                let relay = Self.relay(fixture, log)
                try await running(relay.run) {
                    try await eventually { log.events.count >= 48 && relay.status.depth == 0 }
                    // Whatever is published again would come before this one.
                    try await fixture.write([fixture.event("last", turn)])
                    relay.nudge()
                    try await eventually { log.events.contains { $0.aggregateID == "last" } }
                }
                #expect(log.events.count == 49, "\(log.sequences)")
                _ = try await fixture.tenants.database.query(
                    "truncate shared.outbox", role: fixture.owner)
            }
        }
    }

    /// The slots are as far as now, but for the first eight, which are far behind.
    private static func putBack(_ fixture: Fixture) async throws {
        _ = try await fixture.tenants.database.query(
            """
            insert into shared.relay_cursor (slot, system_identifier, snapshot)
            select slot, system_identifier, case when slot < 8 then '1:1:' else pg_current_snapshot() end
            from generate_series(0, 15) slot, pg_control_system()
            on conflict (slot) do update set snapshot = excluded.snapshot, upper = null, last_id = null
            """, role: fixture.tenants.outboxRole)
    }

    /// Another relay takes half of the slots in the middle of a backlog: pages read before that are not used.
    @Test func slotsThatGoInTheMiddleArePublishedByOneOnly() async throws {
        try await Fixture.with { fixture in
            let names = (0..<40).map { "a\($0)" }
            let written = Mutex<Int64>(0)
            let write: @Sendable () async throws -> Void = {
                let sequence = written.withLock { written in
                    written += 1
                    return written
                }
                try await fixture.write(names.map { fixture.event($0, sequence) })
            }
            try await write()
            let log = Recording()
            let (first, second) = (Self.relay(fixture, log), Self.relay(fixture, log))
            // The backlog grows until it is shared, and then ends.
            log.afterEach = { if second.status.slots == 0 { try await write() } }
            try await running(first.run) {
                try await eventually { first.status.published > 0 }
                try await running(second.run) {
                    try await eventually { second.status.slots == 8 && first.status.slots == 8 }
                    try await eventually { log.events.count >= Int(written.withLock { $0 }) * names.count }
                }
                #expect(second.status.published > 0)
            }
            let last = written.withLock { $0 }
            #expect(log.sequences == Dictionary(uniqueKeysWithValues: names.map { ($0, Array(1...last)) }))
        }
    }
}

/// A log that cannot be reached.
private final class Absent: AppendOnlyLog {
    struct Away: Error {}
    let name = "absent"
    func createTopics(_ topics: [String], partitions: Int) async throws { throw Away() }
    func append(_ records: [EventRecord], to topic: String) async throws { throw Away() }
}

/// Keeps what is appended, and does what a test wants afterwards.
private final class Recording: AppendOnlyLog {
    private struct State {
        var events: [CloudEvent] = []
        var appends = 0
        var largest = 0
        var first: (@Sendable () async throws -> Void)?
        var each: (@Sendable () async throws -> Void)?
    }

    let name = "recording"
    private let state = Mutex(State())

    var events: [CloudEvent] { state.withLock { $0.events } }
    /// Bytes of the largest append.
    var largest: Int { state.withLock { $0.largest } }
    var sequences: [String: [Int64]] {
        events.reduce(into: [:]) { $0[$1.aggregateID, default: []].append($1.sequence) }
    }
    var afterFirst: (@Sendable () async throws -> Void)? {
        get { state.withLock { $0.first } }
        set { state.withLock { $0.first = newValue } }
    }
    var afterEach: (@Sendable () async throws -> Void)? {
        get { state.withLock { $0.each } }
        set { state.withLock { $0.each = newValue } }
    }

    func append(_ records: [EventRecord], to topic: String) async throws {
        let events = try records.map { try CloudEvent($0) }
        let act = state.withLock { state in
            state.events += events
            state.appends += 1
            state.largest = max(state.largest, records.reduce(0) { $0 + ($1.body?.count ?? 0) })
            return state.appends == 1 ? state.first ?? state.each : state.each
        }
        try await act?()
    }
}

extension Fixture {
    /// May do what no part of a service may.
    var owner: DatabaseRole { DatabaseRole(tenants.roles.owner, login: tenants.roles.provisionLogin) }
}
