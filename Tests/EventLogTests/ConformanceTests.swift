import EventLog
import Foundation
import TestKit
import Testing
import Values

/// What every event log promises.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ConformanceTests {
    private static func record(_ key: String, _ number: Int) -> EventRecord {
        EventRecord(key: key, headers: [EventHeader("n", "\(number)")], body: Array("\(number)".utf8))
    }

    private static func number(_ record: StoredRecord) -> Int { record.record.header("n").flatMap { Int($0) } ?? -1 }

    @Test(arguments: LogKind.available)
    func keepsOrderPerKeyAndPutsAKeyIntoOnePartition(_ kind: LogKind) async throws {
        try await Fixture.with(kind) { fixture in
            let keys = (0..<20).map { "key\($0)" }
            for start in stride(from: 0, to: 300, by: 100) {
                try await fixture.log.append(
                    (start..<start + 100).flatMap { n in keys.map { Self.record($0, n) } }, to: fixture.topic)
            }
            let records = try await fixture.records(6000)
            for (key, own) in Dictionary(grouping: records, by: \.record.key) {
                #expect(own.map(Self.number) == Array(0..<300), "\(key)")
                #expect(Set(own.map(\.source)).count == 1)
            }
            #expect(Set(records.map(\.source)).count == 4)
            let bounds = try await fixture.log.bounds(of: fixture.topic)
            #expect(bounds.values.reduce(0) { $0 + $1.count } == 6000)
        }
    }

    @Test(arguments: LogKind.available)
    func keepsHeadersLargeAndEmptyBodiesAndTombstones(_ kind: LogKind) async throws {
        try await Fixture.with(kind) { fixture in
            let large = (0..<maximumEventBody).map { UInt8(truncatingIfNeeded: $0) }
            let sent = [
                EventRecord(key: "键", headers: [EventHeader("h", "é"), EventHeader("h", [])], body: [0, 255]),
                EventRecord(key: "键", body: []), EventRecord(key: "键", body: nil), EventRecord(key: "键", body: large),
            ]
            try await fixture.log.append(sent, to: fixture.topic)
            #expect(try await fixture.records(4).map(\.record) == sent)
            await #expect(throws: EventLogError.bodyTooLarge(topic: fixture.topic, key: "k", bytes: large.count + 1)) {
                try await fixture.log.append([EventRecord(key: "k", body: large + [1])], to: fixture.topic)
            }
            await #expect(throws: EventLogError.emptyKey(topic: fixture.topic)) {
                try await fixture.log.append([EventRecord(key: "", body: [])], to: fixture.topic)
            }
            await #expect(throws: EventLogError.unknownTopic("no-such")) {
                _ = try await fixture.log.bounds(of: "no-such")
            }
        }
    }

    @Test(arguments: LogKind.available)
    func replaysFromAnOffsetAndFromATime(_ kind: LogKind) async throws {
        try await Fixture.with(kind) { fixture in
            try await fixture.log.append((0..<5).map { Self.record("k", $0) }, to: fixture.topic)
            let home = try #require(try await fixture.records(5).first).source
            // Kafka's times are whole milliseconds.
            let between = Timestamp.now() + .milliseconds(2)
            try await eventually { Timestamp.now() > between + .milliseconds(2) }
            try await fixture.log.append((5..<8).map { Self.record("k", $0) }, to: fixture.topic)
            let found = try await fixture.log.offsets(of: fixture.topic, at: between)
            #expect(found[home.partition] == 5)
            #expect(found.filter { $0.key != home.partition }.values.allSatisfy { $0 == 0 })
            for (offset, expected) in [(Int64(6), [6, 7]), (5, [5, 6, 7])] {
                let collector = Collector { $0 == home ? .offset(offset) : .earliest }
                let read = { @Sendable in
                    try await fixture.log.consume(
                        group: "from-\(offset)", topics: [fixture.topic], batch: 10, subscriber: collector)
                }
                try await running(read) { try await eventually { collector.records.count >= expected.count } }
                #expect(collector.records.map(Self.number) == expected)
            }
        }
    }

    /// Two members share the partitions; when one leaves, the other reads on from where it is told to.
    @Test(arguments: LogKind.available)
    func sharesPartitionsInAGroupAndTakesThemOver(_ kind: LogKind) async throws {
        try await Fixture.with(kind) { fixture in
            let (first, second) = (Collector(), Collector())
            func consuming(_ collector: Collector) -> @Sendable () async throws -> Void {
                {
                    try await fixture.log.consume(group: "g", topics: [fixture.topic], batch: 10, subscriber: collector)
                }
            }
            try await running(consuming(first)) {
                try await eventually { first.partitions.count == 4 }
                try await running(consuming(second)) {
                    try await eventually { first.partitions.count == 2 && second.partitions.count == 2 }
                    #expect(first.partitions.isDisjoint(with: second.partitions))
                }
                try await eventually { first.partitions.count == 4 }
            }
        }
    }

    /// What was appended before and after is there, in order, and a member of a group goes on by itself.
    @Test(.enabled(if: TestKafka.isAvailable, Comment(rawValue: TestKafka.absence)))
    func survivesARestartOfTheBroker() async throws {
        try await Fixture.with(.kafka) { fixture in
            let collector = Collector()
            let read = { @Sendable in
                try await fixture.log.consume(group: "g", topics: [fixture.topic], batch: 10, subscriber: collector)
            }
            try await running(read) {
                try await fixture.log.append((0..<50).map { Self.record("k", $0) }, to: fixture.topic)
                try await eventually { collector.records.count == 50 }
                async let restart: Void = TestKafka.restart()
                // Appended while the broker is away: delivered once it is back.
                try await fixture.log.append((50..<100).map { Self.record("k", $0) }, to: fixture.topic)
                try await restart
                try await eventually { Set(collector.records.map(Self.number)).count == 100 }
            }
            let stored = try await fixture.records(100)
            #expect(stored.map(Self.number) == Array(0..<100))
        }
    }
}
