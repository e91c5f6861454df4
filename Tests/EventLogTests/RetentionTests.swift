import Foundation
import Kafka
import Postgres
import Synchronization
import Tenancy
import TestKit
import Testing
import Values

@testable import EventLog

/// What the log forgets, and what is not lost by it in silence.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct RetentionTests {
    /// The fixture's embedded log, whose members note after each batch how far they are.
    private static func log(_ fixture: Fixture, _ notices: Notices = Notices()) throws -> PostgresEventLog {
        let log = try #require(fixture.log as? PostgresEventLog)
        return PostgresEventLog(
            database: log.database, role: log.role, notePace: .zero, report: { notices.add($0) })
    }

    private static func records(_ numbers: Range<Int>) -> [EventRecord] {
        numbers.map { EventRecord(key: "k", body: Array("\($0)".utf8)) }
    }

    private static func held(_ fixture: Fixture) async throws -> Range<Int64> {
        try await fixture.log.bounds(of: fixture.topic).values.first { $0.upperBound > 0 } ?? 0..<0
    }

    /// In more pieces than one.
    @Test func whatIsOldIsForgottenAndNothingElse() async throws {
        try await Fixture.with { fixture in
            let log = try Self.log(fixture)
            try await log.append(Self.records(0..<1_200), to: fixture.topic)
            let between = Timestamp.now()
            try await log.append(Self.records(1_200..<1_205), to: fixture.topic)
            #expect(try await log.trim(before: between) == 1_200)
            #expect(try await Self.held(fixture) == 1_200..<1_205)
            #expect(try await log.trim(before: between) == 0)
            let left = try await fixture.records(5)
            #expect(left.map(\.offset) == Array(1_200..<1_205))
        }
    }

    /// A group that reads is waited for, and named; when it has read, or is gone for as long as events are kept, it is not.
    @Test func whatAGroupHasNotReadIsKept() async throws {
        try await Fixture.with { fixture in
            let notices = Notices()
            let log = try Self.log(fixture, notices)
            try await log.append(Self.records(0..<3), to: fixture.topic)
            let time = Timestamp.now()
            let subscriber = Held()
            let read = { @Sendable in
                try await log.consume(group: "slow", topics: [fixture.topic], batch: 2, subscriber: subscriber)
            }
            try await running(read) {
                try await eventually { subscriber.received == 1 }
                #expect(try await log.trim(before: time) == 0)
                #expect(notices.all.count == 1 && notices.all.first?.description.contains("slow") == true)
                // The two of the first batch may go then, the third is held still.
                subscriber.allow()
                try await eventually { subscriber.received == 2 }
                #expect(try await log.trim(before: time) == 2)
                subscriber.allow()
                try await eventually { try await log.trim(before: time) == 1 }
            }
            try await log.append(Self.records(3..<5), to: fixture.topic)
            #expect(try await log.trim(before: .now()) == 2, "the group was last seen before")
        }
    }

    @Test func whatTheLogNoLongerHoldsIsSaidAndCounted() async throws {
        try await Fixture.with { fixture in
            let notices = Notices()
            let log = try Self.log(fixture)
            let consumer = EventConsumer(
                .init(group: "late", topics: [fixture.topic]), log: log, database: fixture.tenants,
                handlers: [Recorder()], report: { notices.add($0) })
            try await log.append([fixture.event("a", 1).record], to: fixture.topic)
            try await running(consumer.run) {
                let isCaughtUp = try await consumer.waitUntilCaughtUp(within: .seconds(20))
                #expect(isCaughtUp)
            }
            #expect(consumer.status.missed == 0 && notices.all.isEmpty)
            try await log.append((2...4).map { fixture.event("a", $0).record }, to: fixture.topic)
            #expect(try await log.trim(before: .now()) == 4)
            try await log.append([fixture.event("a", 5).record], to: fixture.topic)
            try await running(consumer.run) {
                let isCaughtUp = try await consumer.waitUntilCaughtUp(within: .seconds(20))
                #expect(isCaughtUp)
            }
            #expect(consumer.status.missed == 3)
            #expect(
                notices.all.contains { $0.severity == .error && $0.description.contains("no longer held 3 events") })
            #expect(try await fixture.effects() == ["a": [1]])
            #expect(try await consumer.deadLetters.list().map(\.state) == ["gap"])
        }
    }

    /// Those that are there stay as they are; that one keeps less than it should is said, once.
    @Test(.enabled(if: TestKafka.isAvailable, Comment(rawValue: TestKafka.absence)))
    func topicsOfABrokerAreMadeWithTheTime() async throws {
        try await Fixture.with(.kafka) { fixture in
            let said = Mutex<[String]>([])
            func open(_ retention: Duration) async throws -> KafkaEventLog {
                var configuration = KafkaConfiguration(bootstrapServers: try await TestKafka.bootstrapServers())
                configuration.report = { error in said.withLock { $0.append("\(error)") } }
                return KafkaEventLog(configuration, group: fixture.group, retention: retention)
            }
            let topic = "guanxi.kept-\(UUID().uuidString)"
            for (retention, count) in [(7_200, 0), (18_000, 1), (60, 0)] {
                let log = try await open(.seconds(retention))
                try await log.createTopics([topic], partitions: 1)
                try await log.createTopics([topic], partitions: 1)
                let admin = try log.client().admin
                try await eventually { (try? await admin.retention(of: [topic])) == [topic: .seconds(7_200)] }
                #expect(said.withLock { $0.count { $0.contains("\(topic) keeps events for 7200 s only") } } == count)
                said.withLock { $0 = [] }
                await log.close()
            }
        }
    }

    /// Events that were published go along with a tenant without being told again, also where a relay has published
    /// nothing yet; what waits is waited for.
    @Test func whatMovesAlongIsNotPublishedAgain() async throws {
        try await Fixture.with { source in
            try await Fixture.with { target in
                let id = source.tenant.id
                func ask(_ question: SQL, _ fixture: Fixture) async throws -> Bool {
                    try await fixture.tenants.database.query(question, role: fixture.tenants.outboxRole).single().get(0)
                }
                let superuser = try await TestPostgres.shared().superuser
                func open(_ fixture: Fixture) -> PostgresDatabase {
                    let name = fixture.tenants.database.configuration.database
                    return PostgresDatabase(group: source.group, configuration: superuser.with(database: name))
                }
                func snapshot() async throws -> String {
                    try await source.tenants.database.query(
                        "select pg_current_snapshot()::text", role: source.tenants.outboxRole
                    ).single().get(0)
                }
                let before = try await snapshot()
                try await source.write([source.event("a", 1), source.event("b", 1)])
                #expect(try await ask(OutboxMove.isWaiting(id), source))
                // What was written later than is asked for waits, too, and is not meant.
                #expect(try await ask(OutboxMove.isWaiting(id, of: before), source) == false)
                #expect(try await ask(OutboxMove.isWaiting(id, of: try await snapshot()), source))
                try await running(source.relay().run) {
                    try await eventually { try await ask(OutboxMove.isWaiting(id), source) == false }
                }
                let (here, there) = (open(source), open(target))
                let rows = Mutex<[[UInt8]]>([])
                try await here.withTransaction { transaction in
                    _ = try await transaction.copyOut(OutboxMove.rows(of: id)) { row in rows.withLock { $0.append(row) }
                    }
                }
                #expect(rows.withLock { $0.joined().count { $0 == UInt8(ascii: "\n") } } == 2)
                // Twice, as after an attempt that was cut off.
                for _ in 0..<2 {
                    let chunks = rows.withLock { $0 }
                    try await there.withTransaction { transaction in
                        _ = try await transaction.pipeline(OutboxMove.preparing(id))
                        _ = try await transaction.copyIn(
                            OutboxMove.receiving,
                            from: AsyncStream<[UInt8]> {
                                for row in chunks { $0.yield(row) }
                                $0.finish()
                            })
                    }
                }
                await here.close()
                await there.close()
                #expect(try await ask(OutboxMove.hasEvents(id), target))
                #expect(try await ask(OutboxMove.isWaiting(id), target) == false)
                try await target.write([target.event("c", 1)])
                try await running(target.relay().run) {
                    let told = try await target.records(1)
                    #expect(try told.map { try CloudEvent($0.record).aggregateID } == ["c"])
                }
                #expect(try await ask("select count(*) = 3 from shared.outbox", target))
            }
        }
    }
}

private final class Notices: Sendable {
    private let list = Mutex<[EventLogNotice]>([])
    var all: [EventLogNotice] { list.withLock { $0 } }
    func add(_ notice: EventLogNotice) { list.withLock { $0.append(notice) } }
}

/// Takes batches, and is done with each when it may.
private final class Held: EventSubscriber {
    private let batches = Mutex(0)
    private let gate = AsyncStream.makeStream(of: Void.self)
    var received: Int { batches.withLock { $0 } }

    func allow() { gate.continuation.yield() }

    func assigned(_ partitions: Set<TopicPartition>) async throws -> [TopicPartition: EventPosition] { [:] }
    func revoked(_ partitions: Set<TopicPartition>) async {}

    func receive(_ batch: [StoredRecord]) async throws {
        batches.withLock { $0 += 1 }
        for await _ in gate.stream { break }
        try Task.checkCancellation()
    }
}
