import Foundation
import JSON
import Postgres
import Synchronization
import Tenancy
import TestKit
import Testing
import Values

@testable import EventLog

/// What the inbox and the dead letters promise.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ConsumerTests {
    /// The poison event is found among others, its key waits in order behind it, all others pass; driven again it and
    /// those behind it are applied in order.
    @Test func poisonParksItsKeyAndCanBeDrivenAgain() async throws {
        try await Fixture.with { fixture in
            let recorder = Recorder()
            let consumer = fixture.consumer(recorder)
            var events = (1...3).flatMap { n in (0..<10).map { fixture.event("k\($0)", n) } }
            events[13] = fixture.event("k3", 2, data: ["poison": true])
            try await fixture.log.append(events.map(\.record), to: fixture.topic)
            try await running(consumer.run) {
                #expect(try await consumer.waitUntilCaughtUp(within: .seconds(20)))
                var effects = try await fixture.effects()
                #expect(effects.removeValue(forKey: "k3") == [1])
                #expect(effects.count == 9 && effects.values.allSatisfy { $0 == [1, 2, 3] })

                let letters = try await consumer.deadLetters.list()
                #expect(letters.map(\.sequence) == [2, 3])
                #expect(letters.map(\.state) == ["poison", "waiting"])
                #expect(letters.first?.reason.contains("Refused") == true)
                let letter = try #require(letters.first)
                #expect(try CloudEvent(letter.stored.record) == events[13])
                let id = letter.id

                let failed = try #require(try await consumer.deadLetters.redrive(id))
                #expect(failed.applied == 0 && failed.remaining == 2)
                #expect(try await consumer.deadLetters.show(id)?.attempts == 2)

                recorder.isHealed.withLock { $0 = true }
                let healed = try #require(try await consumer.deadLetters.redrive(id))
                #expect(healed == RedriveResult(applied: 2, remaining: 0))
                try await fixture.log.append([fixture.event("k3", 4).record], to: fixture.topic)
                #expect(
                    try await consumer.waitUntilApplied(
                        tenant: fixture.tenant.id, aggregates: ["lead/k3"], sequence: 4, within: .seconds(10)))
                #expect(try await fixture.effects()["k3"] == [1, 2, 3, 4])
            }
        }
    }

    /// Whoever makes projections anew has them for himself, however many instances there are; nothing is parked.
    @Test func everyInstanceRestsWhileOneIsAskedTo() async throws {
        try await Fixture.with { fixture in
            let (first, second) = (fixture.consumer(Recorder()), fixture.consumer(Recorder()))
            try await fixture.log.append((0..<20).map { fixture.event("k\($0)", 1).record }, to: fixture.topic)
            try await running(first.run) {
                try await running(second.run) {
                    #expect(try await first.waitUntilCaughtUp(within: .seconds(20)))
                    try await first.whileAllRest {
                        try await fixture.log.append(
                            (0..<20).map { fixture.event("k\($0)", 2).record }, to: fixture.topic)
                        // Whoever has come upon the new events holds back; the other has them if it has partitions yet.
                        try await eventually {
                            [first, second].contains { $0.progress.withLock { $0.isResting } }
                        }
                        #expect(try await fixture.effects().values.allSatisfy { $0 == [1] })
                    }
                    #expect(try await second.waitUntilCaughtUp(within: .seconds(20)))
                }
            }
            let effects = try await fixture.effects()
            #expect(effects.count == 20 && effects.values.allSatisfy { $0 == [1, 2] })
            #expect(try await first.deadLetters.list().isEmpty)
        }
    }

    @Test func aDiscardedEventLetsTheOthersGoOn() async throws {
        try await Fixture.with { fixture in
            let consumer = fixture.consumer(Recorder())
            let events = [fixture.event("k", 1, data: ["poison": true]), fixture.event("k", 2)]
            try await fixture.log.append(events.map(\.record), to: fixture.topic)
            try await running(consumer.run) {
                try await eventually { try await consumer.deadLetters.list().count == 2 }
                let id = try #require(try await consumer.deadLetters.list().first?.id)
                #expect(try await consumer.deadLetters.discard(id) == RedriveResult(applied: 2, remaining: 0))
            }
            #expect(try await fixture.effects() == ["k": [2]])
        }
    }

    /// An event whose predecessor is missing waits for it; unreadable records are put aside; unknown types and
    /// repeats only count.
    @Test func gapsHealAndOddRecordsDoNotStopTheRest() async throws {
        try await Fixture.with { fixture in
            let consumer = fixture.consumer(Recorder())
            let records = [
                fixture.event("k", 1).record, fixture.event("k", 3).record,
                EventRecord(key: "odd", body: [1, 2, 3]),
                fixture.event("u", 1, type: "lead.unheard-of").record, fixture.event("u", 2).record,
                fixture.event("k", 1).record, fixture.event("k", 2).record,
            ]
            try await running(consumer.run) {
                for record in records { try await fixture.log.append([record], to: fixture.topic) }
                try await eventually { try await fixture.effects() == ["k": [1, 2, 3], "u": [2]] }
                try await eventually { try await consumer.deadLetters.counts() == ["poison": 1] }
            }
        }
    }

    /// Tenants that were dropped while their events were on the way hold up nobody.
    @Test func aDroppedTenantIsNotWaitedFor() async throws {
        try await Fixture.with { fixture in
            let provisioner = TenantProvisioner(fixture.tenants, sets: [try EventLogSchema.service()])
            let dropped = try await provisioner.provision(TenantDescription(slug: "dropped", name: "Dropped"))
            try await provisioner.drop(dropped.id)
            var configuration = EventConsumer.Configuration(group: "test", topics: [fixture.topic])
            configuration.patience = .seconds(3600)
            let consumer = EventConsumer(
                configuration, log: fixture.log, database: fixture.tenants, handlers: [Recorder()])
            var left = fixture.event("left", 1)
            left.tenant = dropped.id
            // Of another it was in the middle: what it was done with is forgotten.
            var later = fixture.event("later", 5)
            later.tenant = dropped.id
            let records = [left.record, later.record, fixture.event("k", 1).record]
            try await fixture.log.append(records, to: fixture.topic)
            try await running(consumer.run) {
                try await eventually { try await fixture.effects() == ["k": [1]] }
                let rows = try await fixture.tenants.database.query(
                    "select tenant from shared.inbox_sequence where tenant = \(dropped.id.text)", role: fixture.owner)
                #expect(rows.isEmpty)
                #expect(try await consumer.deadLetters.counts().isEmpty, "nobody could ever apply it")
            }
        }
    }

    /// What could not be applied of a tenant goes with it.
    @Test func aDroppedTenantLeavesNoEvents() async throws {
        try await Fixture.with { fixture in
            let provisioner = TenantProvisioner(fixture.tenants, sets: [try EventLogSchema.service()])
            // Without the tables of the handler: nothing of theirs can be applied.
            let first = try await provisioner.provision(TenantDescription(slug: "first", name: "1")).id
            let second = try await provisioner.provision(TenantDescription(slug: "second", name: "2")).id
            let consumer = fixture.consumer(Recorder())
            let records = [first, second].map { tenant in
                var event = fixture.event("a", 1)
                event.tenant = tenant
                return event.record
            }
            try await fixture.log.append(records, to: fixture.topic)
            try await running(consumer.run) {
                try await eventually { try await consumer.deadLetters.counts() == ["poison": 2] }
            }
            let done: SQL = """
                insert into shared.inbox_sequence (consumer, tenant, aggregate, sequence)
                select 'test', tenant, 'b', 1 from unnest(\([first.text, second.text])) as tenant
                """
            let database = fixture.tenants.database
            try await database.query(done, role: fixture.owner)
            try await provisioner.drop(first)
            for table in ["dead_letter", "inbox_sequence"] {
                let rows = try await database.query(
                    "select distinct tenant from shared.\(ident: table)", role: fixture.owner)
                #expect(try rows.map { try $0.get(0, as: String.self) } == [second.text], "\(table)")
            }
        }
    }

    /// A lock that is held longer than any patience is no fault of the event that waits for it; a statement that is always
    /// stopped may be.
    @Test func whatWaitsForALockIsNotParkedAndWhatIsStoppedIsTriedAgain() async throws {
        try await Fixture.with { fixture in
            func failure(_ state: String) async throws -> any Error {
                let error = await #expect(throws: PostgresError.self) {
                    try await fixture.tenants.database.query(
                        SQL(raw: "do $$ begin raise exception 'x' using errcode = '\(state)'; end $$"),
                        role: fixture.owner)
                }
                return try #require(error)
            }
            let (locked, stopped) = (try await failure("55P03"), try await failure("57014"))
            var (waits, tries) = (Trial(patience: .zero), Trial(patience: .zero))
            for _ in 0..<50 { _ = try waits.failed(locked) }
            for _ in 0..<2 { _ = try tries.failed(stopped) }
            #expect(throws: PoisonError.self) { try tries.failed(stopped) }
        }
    }

    /// A tenant that is not there is waited for once, not with each of its events: the others go on.
    @Test func anAbsentTenantIsWaitedForOnce() async throws {
        try await Fixture.with { fixture in
            let notices = Mutex<[String]>([])
            var configuration = EventConsumer.Configuration(group: "test", topics: [fixture.topic])
            configuration.patience = .milliseconds(300)
            let consumer = EventConsumer(
                configuration, log: fixture.log, database: fixture.tenants, handlers: [Recorder()],
                report: { notice in notices.withLock { $0.append(notice.description) } })
            let gone = TenantID.make()
            let left = (0..<5).map { number in
                var event = fixture.event("gone\(number)", 1)
                event.tenant = gone
                return event.record
            }
            try await fixture.log.append(left + [fixture.event("k", 1).record], to: fixture.topic)
            try await running(consumer.run) {
                try await eventually { try await consumer.deadLetters.counts() == ["poison": 5] }
                try await eventually { try await fixture.effects() == ["k": [1]] }
            }
            let seen = notices.withLock { $0 }
            let parked = try #require(seen.firstIndex { $0.contains("Parked") })
            #expect(!seen[parked...].contains { $0.contains("Tries again") }, "\(seen)")
        }
    }

    /// A consumer that lost its partition without knowing cannot write: the offset is no longer the one it read.
    @Test func aFencedConsumerCannotWrite() async throws {
        try await Fixture.with { fixture in
            let records = (1...3).map { fixture.event("k", $0).record }
            try await fixture.log.append(records, to: fixture.topic)
            let (first, second) = (Catcher(fixture.log), Catcher(fixture.log))
            let consumers = [first, second].map { catcher in
                EventConsumer(
                    .init(group: "test", topics: [fixture.topic]), log: catcher, database: fixture.tenants,
                    handlers: [Recorder()])
            }
            try await running(consumers[0].run) {
                try await running(consumers[1].run) {
                    try await eventually { first.subscriber != nil && second.subscriber != nil }
                    let batch = try await fixture.records(3)
                    let partitions = Set((0..<4).map { TopicPartition(fixture.topic, $0) })
                    // Both believe that the partitions are theirs.
                    _ = try await first.subscriber?.assigned(partitions)
                    _ = try await second.subscriber?.assigned(partitions)
                    try await second.subscriber?.receive(batch)
                    await #expect(throws: EventReset.self) { try await first.subscriber?.receive(batch) }
                }
            }
            #expect(try await fixture.effects() == ["k": [1, 2, 3]])
        }
    }

    /// A group of another name reads everything from the start: a rebuild gives the same.
    @Test func aNewGroupRebuildsFromTheEarliest() async throws {
        try await Fixture.with { fixture in
            try await fixture.log.append((1...50).map { fixture.event("k", $0).record }, to: fixture.topic)
            for group in ["v1", "v2"] {
                let consumer = fixture.consumer(Recorder(), group: group)
                try await running(consumer.run) {
                    let isCaughtUp = try await consumer.waitUntilCaughtUp(within: .seconds(20))
                    let lag = try await consumer.lag()
                    #expect(isCaughtUp && lag == 0)
                }
            }
            #expect(try await fixture.effects() == ["k": Array(1...50) + Array(1...50)])
        }
    }
}

/// Keeps the subscriber instead of feeding it.
private final class Catcher: EventLog {
    let name = "catcher"
    let appendPace = Duration.milliseconds(1)
    private let inner: any EventLog
    private let caught = Mutex<(any EventSubscriber)?>(nil)
    var subscriber: (any EventSubscriber)? { caught.withLock { $0 } }

    init(_ inner: any EventLog) { self.inner = inner }

    func consume(group: String, topics: [String], batch: Int, subscriber: any EventSubscriber) async throws {
        caught.withLock { $0 = subscriber }
        // The subscriber knows the consumer, which knows this log.
        defer { caught.withLock { $0 = nil } }
        while true { try await Task.sleep(for: .seconds(1)) }
    }

    func append(_ records: [EventRecord], to topic: String) async throws { try await inner.append(records, to: topic) }
    func createTopics(_ topics: [String], partitions: Int) async throws {}
    func offsets(of topic: String, at time: Timestamp) async throws -> [Int: Int64] { [:] }
    func bounds(of topic: String) async throws -> [Int: Range<Int64>] { try await inner.bounds(of: topic) }
    func isReachable() async -> Bool { true }
    func close() async {}
}
