import CRDKafka
import Synchronization
import TestKit
import Testing

@testable import EventLog
@testable import Kafka

/// A Kafka producer that has failed for good is replaced by the process itself.
@Suite(.enabled(if: TestKafka.isAvailable, Comment(rawValue: TestKafka.absence)), .timeLimit(.minutes(2)))
struct ProducerFailureTests {
    /// The producer of the relay fails five times in the middle of writing, with what brokers answer when their state of
    /// a producer is gone: another one goes on, every event arrives, each aggregate's in order.
    @Test func aFatalErrorMakesANewProducerAndLosesNothing() async throws {
        try await Fixture.with(.kafka) { fixture in
            let relay = fixture.relay()
            let log = try #require(fixture.log as? KafkaEventLog)
            let (keys, last) = (20, 100 as Int64)
            try await running(relay.run) {
                var broken: [KafkaProducer] = []
                for sequence in 1...last {
                    try await fixture.write((0..<keys).map { fixture.event("a\($0)", sequence) })
                    relay.nudge()
                    guard sequence % 20 == 10 else { continue }
                    let producer = try log.client()
                    try producer.handle.use { client in
                        let code = rd_kafka_test_fatal_error(
                            client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "as if the broker had lost it")
                        #expect(code == RD_KAFKA_RESP_ERR_NO_ERROR)
                    }
                    broken.append(producer)
                    let known = relay.status.published
                    try await fixture.write([fixture.event("after\(sequence)", 1)])
                    try await eventually { relay.status.published > known && relay.status.depth == 0 }
                }
                #expect(broken.count == 5 && Set(broken.map(ObjectIdentifier.init)).count == 5)
                let records = try await fixture.records { records in
                    try Self.sequences(records).values.count { $0.max() == last } == keys
                }
                let all = try Self.sequences(records)
                for key in 0..<keys {
                    // What was on its way when a producer failed is there twice; consumers skip the second.
                    var next: Int64 = 1
                    for sequence in all["a\(key)"] ?? [] where sequence >= next {
                        #expect(sequence == next, "a\(key)")
                        next += 1
                    }
                    #expect(next == last + 1)
                }
            }
        }
    }

    private static func sequences(_ records: [StoredRecord]) throws -> [String: [Int64]] {
        try records.reduce(into: [:]) { all, record in
            let event = try CloudEvent(record.record)
            all[event.aggregateID, default: []].append(event.sequence)
        }
    }
}
