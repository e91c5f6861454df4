import EventLog
import Foundation
import JSON
import Postgres
import Synchronization
import Tenancy
import TestKit
import Testing
import Values

/// What the outbox and its relay promise.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct RelayTests {
    private static func sequences(_ records: [StoredRecord]) throws -> [String: [Int64]] {
        try records.reduce(into: [:]) { all, record in
            let event = try CloudEvent(record.record)
            all[event.aggregateID, default: []].append(event.sequence)
        }
    }

    private static func lastSequences(_ records: [StoredRecord]) throws -> [String: Int64] {
        try sequences(records).compactMapValues { $0.max() }
    }

    /// A transaction that stays open while later ones commit holds up nobody, and its events are not skipped.
    @Test func aTransactionThatCommitsLateIsNotSkipped() async throws {
        try await Fixture.with { fixture in
            let relay = fixture.relay()
            try await running(relay.run) {
                try await fixture.tenants.write(fixture.tenant.id) { tx in
                    try await tx.query(Outbox.insert([fixture.event("late", 1)]))
                    try await fixture.write([fixture.event("early", 1), fixture.event("early", 2)])
                    relay.nudge()
                    try await eventually { relay.status.published == 2 }
                }
                relay.nudge()
                try await eventually { relay.status.published == 3 }
            }
            #expect(try Self.sequences(try await fixture.records(3)) == ["early": [1, 2], "late": [1]])
        }
    }

    /// Two relays share the slots while events are written; each aggregate's events are in the topic in order, and
    /// when one goes, the other takes its slots over.
    @Test func twoRelaysKeepOrder() async throws {
        try await Fixture.with { fixture in
            let (first, second) = (fixture.relay(), fixture.relay())
            let whole = Dictionary(uniqueKeysWithValues: (0..<30).map { ("a\($0)", 61 as Int64) })
            let published = Mutex<[StoredRecord]>([])
            try await running(first.run) {
                try await eventually { first.status.slots == 16 }
                for sequence in 1...20 as ClosedRange<Int64> {
                    try await fixture.write((0..<30).map { fixture.event("a\($0)", sequence) })
                }
                try await running(second.run) {
                    for sequence in 21...60 as ClosedRange<Int64> {
                        try await fixture.write((0..<30).map { fixture.event("a\($0)", sequence) })
                    }
                    try await eventually { first.status.slots == 8 && second.status.slots == 8 }
                    try await fixture.write((0..<30).map { fixture.event("a\($0)", 61) })
                    try await eventually { second.status.published > 0 && first.status.published > 600 }
                }
                // What the second had not published when it went, the first does.
                let records = try await fixture.records { try Self.lastSequences($0) == whole }
                published.withLock { $0 = records }
            }
            let all = try Self.sequences(published.withLock { $0 })
            #expect(all.count == 30)
            for (aggregate, sequences) in all {
                // A repeat may follow what was there, but nothing may come before its predecessor.
                var last: Int64 = 0
                for sequence in sequences where sequence > last {
                    #expect(sequence == last + 1, "\(aggregate)")
                    last = sequence
                }
                #expect(last == 61)
            }
        }
    }

    /// More than one page waits: it is published page by page, in order, once.
    @Test func aBacklogIsPagedInOrder() async throws {
        try await Fixture.with { fixture in
            for sequence in 1...50 as ClosedRange<Int64> {
                try await fixture.write((0..<10).map { fixture.event("a\($0)", sequence) })
            }
            var options = OutboxRelay.Options()
            options.page = 64
            let relay = OutboxRelay(database: fixture.tenants, log: fixture.log, topic: fixture.topic, options: options)
            try await running(relay.run) {
                try await eventually { relay.status.published == 500 && relay.status.depth == 0 }
            }
            let all = try Self.sequences(try await fixture.records(500))
            #expect(all.count == 10 && all.values.allSatisfy { $0 == Array(1...50) })
        }
    }

    /// A relay that dies between the log's acknowledgement and storing its cursor publishes again; no consumer applies
    /// anything twice.
    @Test func aKilledRelayRepeatsAndNothingIsAppliedTwice() async throws {
        try await Fixture.with { fixture in
            try await fixture.write((1...5).map { fixture.event("a", $0) })
            let dying = DyingLog(inner: fixture.log)
            let relay = fixture.relay(dying)
            let consumer = fixture.consumer(Recorder())
            try await running(relay.run) {
                try await running(consumer.run) {
                    try await eventually { relay.status.published == 5 && relay.status.failures == 1 }
                    try await eventually { consumer.status.repeats == 5 }
                }
            }
            #expect(try Self.sequences(try await fixture.records(10)) == ["a": [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]])
            #expect(try await fixture.effects() == ["a": [1, 2, 3, 4, 5]])
        }
    }

    /// What was published and not stored yet is stored by a relay that is stopped: the next one repeats nothing.
    @Test func aStoppedRelayLeavesItsCursor() async throws {
        try await Fixture.with { fixture in
            var options = OutboxRelay.Options()
            options.storePace = .seconds(3600)
            for run in 0..<3 as Range<Int64> {
                let relay = OutboxRelay(
                    database: fixture.tenants, log: fixture.log, topic: fixture.topic, options: options)
                try await running(relay.run) {
                    for part in 1...2 as ClosedRange<Int64> {
                        try await fixture.write([fixture.event("a", 2 * run + part)])
                        try await eventually { relay.status.published == part }
                    }
                }
            }
            #expect(try Self.sequences(try await fixture.records(6)) == ["a": Array(1...6)])
        }
    }

    /// The cursor of another cluster, or of another life of this one, is not believed: all that is in the outbox is
    /// published again.
    @Test(arguments: ["system_identifier = 1", "timeline = 7"])
    func aRestoredOutboxIsPublishedAgain(sign: String) async throws {
        try await Fixture.with { fixture in
            try await fixture.write((1...5).map { fixture.event("a", $0) })
            for expected in [5, 10] {
                let relay = fixture.relay()
                try await running(relay.run) {
                    try await eventually { relay.status.published == 5 && relay.status.depth == 0 }
                }
                #expect(try await fixture.records(expected).count == expected)
                _ = try await fixture.tenants.database.query(
                    """
                    update shared.relay_cursor
                    set \(raw: sign), snapshot = '9000000000000:9000000000000:'
                    """, role: fixture.tenants.outboxRole)
            }
        }
    }

    /// Cursors that the last release stored tell no timeline, and are believed.
    @Test func aCursorWithoutATimelineIsGood() async throws {
        try await Fixture.with { fixture in
            try await fixture.write([fixture.event("a", 1)])
            for expected in [1, 0] {
                let relay = fixture.relay()
                try await running(relay.run) {
                    try await eventually { relay.status.slots == 16 && relay.status.published == expected }
                    try await fixture.write([fixture.event("b", Int64(2 - expected))])
                    try await eventually { relay.status.published == expected + 1 }
                }
                _ = try await fixture.tenants.database.query(
                    "update shared.relay_cursor set timeline = null", role: fixture.tenants.outboxRole)
            }
        }
    }

    /// A stale guarded update writes no event.
    @Test func aGuardedInsertFollowsItsUpdate() async throws {
        try await Fixture.with { fixture in
            let tenant = fixture.tenant
            for version in [7, 1] as [Int64] {
                let sql: SQL = """
                    with u as (select \(version) as version where \(version) = 1)
                    \(Outbox.insert(fixture.event("a", 1), from: "u", sequence: "u.version"))
                    """
                let inserted = try await fixture.tenants.flight(tenant.id, [sql])[0].affected
                #expect(inserted == (version == 1 ? 1 : 0))
            }
        }
    }
}

/// Delivers, and fails the first time nevertheless.
private final class DyingLog: EventLog {
    struct Died: Error {}
    let name = "dying"
    let appendPace = Duration.milliseconds(1)
    private let inner: any EventLog
    private let hasDied = Mutex(false)

    init(inner: any EventLog) { self.inner = inner }

    func append(_ records: [EventRecord], to topic: String) async throws {
        try await inner.append(records, to: topic)
        if hasDied.withLock({ was in
            defer { was = true }
            return !was
        }) {
            throw Died()
        }
    }

    func createTopics(_ topics: [String], partitions: Int) async throws {
        try await inner.createTopics(topics, partitions: partitions)
    }

    func consume(group: String, topics: [String], batch: Int, subscriber: any EventSubscriber) async throws {
        try await inner.consume(group: group, topics: topics, batch: batch, subscriber: subscriber)
    }

    func offsets(of topic: String, at time: Timestamp) async throws -> [Int: Int64] {
        try await inner.offsets(of: topic, at: time)
    }

    func bounds(of topic: String) async throws -> [Int: Range<Int64>] { try await inner.bounds(of: topic) }
    func isReachable() async -> Bool { await inner.isReachable() }
    func close() async {}
}
