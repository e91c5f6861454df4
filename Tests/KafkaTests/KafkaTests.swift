import CRDKafka
import Foundation
import Runtime
import Synchronization
import TestKit
import Testing
import Values

@testable import Kafka

@Suite(.enabled(if: TestKafka.isAvailable, Comment(rawValue: TestKafka.absence)), .timeLimit(.minutes(2)))
struct KafkaTests {
    static func configuration() async throws -> KafkaConfiguration {
        KafkaConfiguration(bootstrapServers: try await TestKafka.bootstrapServers())
    }

    /// A topic of one partition with a name of its own.
    static func topic(_ producer: KafkaProducer, partitions: Int = 1) async throws -> String {
        let name = "kafka-\(UUID().uuidString)"
        try await producer.admin.create([name], partitions: partitions)
        return name
    }

    @Test func keepsKeysHeadersEmptyBodiesAndTombstones() async throws {
        let loop = EventLoop()
        let producer = try KafkaProducer(try await Self.configuration(), loop: loop)
        let topic = try await Self.topic(producer)
        let sent = [
            KafkaMessage(
                key: Array("a".utf8),
                headers: [EventHeader("h", [1, 0, 255]), EventHeader("h", [UInt8]()), EventHeader("名", [7])],
                value: [1, 2, 3]),
            KafkaMessage(key: Array("a".utf8), value: []),
            KafkaMessage(key: Array("a".utf8), value: nil),
            KafkaMessage(key: nil, value: Array(repeating: 9, count: 900_000)),
        ]
        try await producer.send(sent, to: topic)

        let consumer = try KafkaConsumer(
            try await Self.configuration(), group: "g-\(topic)", topics: [topic], loop: loop)
        var received: [ConsumedMessage] = []
        while received.count < sent.count {
            switch try await consumer.next(limit: 10) {
            case .assigned(let assignment): try await consumer.start(assignment, at: [:])
            case .messages(let messages): received += messages
            case .revoked: break
            }
        }
        #expect(received.map(\.message) == sent)
        #expect(received.map(\.offset) == [0, 1, 2, 3])
        await consumer.close()
        await producer.close()
        await loop.shutdown()
    }

    /// What librdkafka refuses stays with the sender, headers and all; the others are sent.
    @Test func aMessageThatIsTooLargeIsRefused() async throws {
        let loop = EventLoop()
        let producer = try KafkaProducer(try await Self.configuration(), loop: loop)
        let topic = try await Self.topic(producer)
        let large = KafkaMessage(
            key: [1], headers: [EventHeader("h", "v")], value: Array(repeating: 9, count: 2_000_000))
        for _ in 0..<3 {
            await #expect(throws: KafkaError.self) { try await producer.send([large], to: topic) }
        }
        try await producer.send([KafkaMessage(key: [1], headers: [EventHeader("h", "v")], value: [1])], to: topic)
        // A message is counted until librdkafka's event of its delivery is freed, a moment after the sender has heard of it.
        while producer.pending > 0 { await Task.yield() }
        await producer.close()
        await loop.shutdown()
    }

    /// 30,000 messages are more than librdkafka's queue holds: the sender waits instead of failing, and an owner that
    /// takes few at a time gets all of them in order although the buffer fills up and partitions are paused.
    @Test func backPressureLosesNothing() async throws {
        let loop = EventLoop()
        let producer = try KafkaProducer(try await Self.configuration(), loop: loop)
        let topic = try await Self.topic(producer)
        let count = 30_000
        try await producer.send((0..<count).map { KafkaMessage(key: [1], value: Array("\($0)".utf8)) }, to: topic)
        #expect(try await producer.admin.bounds(of: KafkaPartition(topic, 0)) == 0..<Int64(count))

        let consumer = try KafkaConsumer(
            try await Self.configuration(), group: "g-\(topic)", topics: [topic], loop: loop)
        var next = 0
        var slow = true
        while next < count {
            switch try await consumer.next(limit: 500) {
            case .assigned(let assignment): try await consumer.start(assignment, at: [:])
            case .messages(let messages):
                for message in messages {
                    #expect(message.message.value == Array("\(next)".utf8))
                    next += 1
                }
                if slow {
                    slow = false
                    while !consumer.isPaused { try await Task.sleep(for: .milliseconds(20)) }
                }
            case .revoked: break
            }
        }
        await consumer.close()
        await producer.close()
        await loop.shutdown()
    }

    @Test func seeksWithinAnAssignmentAndByTime() async throws {
        let loop = EventLoop()
        let producer = try KafkaProducer(try await Self.configuration(), loop: loop)
        let topic = try await Self.topic(producer)
        try await producer.send((0..<10).map { KafkaMessage(key: [1], value: [$0]) }, to: topic)
        let partition = KafkaPartition(topic, 0)
        #expect(try await producer.admin.offsets(at: 0, of: [partition]) == [partition: 0])
        #expect(try await producer.admin.offsets(at: Int64.max / 2, of: [partition]) == [partition: -1])

        let consumer = try KafkaConsumer(
            try await Self.configuration(), group: "g-\(topic)", topics: [topic], loop: loop)
        var assignment: KafkaConsumer.Assignment?
        var seen: [UInt8] = []
        while seen.count < 10 {
            switch try await consumer.next(limit: 100) {
            case .assigned(let given):
                assignment = given
                try await consumer.start(given, at: [partition: .offset(7)])
            case .messages(let messages):
                seen += messages.compactMap { $0.message.value?.first }
                if seen == [7, 8, 9] { try await consumer.start(#require(assignment), at: [partition: .offset(3)]) }
            case .revoked: break
            }
        }
        #expect(seen == [7, 8, 9, 3, 4, 5, 6, 7, 8, 9])
        await consumer.close()
        await producer.close()
        await loop.shutdown()
    }

    /// Closing takes less than 5 s although no broker ever answers, and frees the waiting sender with an error.
    @Test func closesWithoutABroker() async throws {
        let loop = EventLoop()
        let nowhere = KafkaConfiguration(bootstrapServers: "127.0.0.1:1")
        let producer = try KafkaProducer(nowhere, loop: loop)
        let consumer = try KafkaConsumer(nowhere, group: "g", topics: ["t"], loop: loop)
        let sending = Task { try await producer.send([KafkaMessage(key: [1], value: [1])], to: "t") }
        while producer.pending == 0 { await Task.yield() }
        let start = ContinuousClock.now
        await producer.close(within: .milliseconds(100))
        await consumer.close()
        #expect(ContinuousClock.now - start < .seconds(5))
        await #expect(throws: KafkaError.self) { try await sending.value }
        await loop.shutdown()
    }

    /// A fatal error while the broker owes an answer: the sender is told, instead of waiting for what never comes.
    @Test func aFatalErrorFreesWhoWaitsForAnAnswer() async throws {
        let loop = EventLoop()
        let broker = try MockBroker(topic: "t")
        let isSent = Mutex(false)
        let producer = try KafkaProducer(
            KafkaConfiguration(
                bootstrapServers: broker.address, properties: ["statistics.interval.ms": "20"],
                statistics: { text in
                    if text.contains("\"waitresp_msg_cnt\":1") { isSent.withLock { $0 = true } }
                }), loop: loop)
        // Makes the connection; from here on answers take as long as the test may.
        try await producer.send([KafkaMessage(key: [1], value: [1])], to: "t")
        broker.delay(milliseconds: 120_000)
        let sending = Task { try await producer.send([KafkaMessage(key: [1], value: [2])], to: "t") }
        while !isSent.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
        try producer.handle.use {
            _ = rd_kafka_test_fatal_error($0, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "as a test")
        }
        let error = await #expect(throws: KafkaError.self) { try await sending.value }
        #expect(error?.isFatal == true)
        await producer.close(within: .zero)
        await loop.shutdown()
    }

    /// librdkafka would stand still for as long as the clock was put back, and tell nobody.
    @Test func aClockThatIsPutBackEndsTheClientAndFreesWhoWaits() async throws {
        let loop = EventLoop()
        let broker = try MockBroker(topic: "t")
        let put = Mutex(Duration.zero)
        var configuration = KafkaConfiguration(bootstrapServers: broker.address)
        configuration.wallClock = { ClockComparison.steady() + put.withLock { $0 } }
        let producer = try KafkaProducer(configuration, loop: loop)
        try await producer.send([KafkaMessage(key: [1], value: [1])], to: "t")
        broker.delay(milliseconds: 120_000)
        // Forward, and back by what a time service corrects, harms nobody.
        for change in [Duration.seconds(3600), .seconds(3599)] {
            put.withLock { $0 = change }
            try await Task.sleep(for: .milliseconds(600))
            #expect(!producer.hasFailed)
        }
        let sending = Task { try await producer.send([KafkaMessage(key: [1], value: [2])], to: "t") }
        put.withLock { $0 = .zero }
        let error = await #expect(throws: KafkaError.self) { try await sending.value }
        #expect(error?.isFatal == true)
        #expect(producer.hasFailed)
        await producer.close(within: .zero)
        await loop.shutdown()
    }

    @Test func refusesAnUnknownProperty() async {
        let loop = EventLoop()
        #expect(throws: KafkaConfigurationError.self) {
            _ = try KafkaProducer(
                KafkaConfiguration(bootstrapServers: "x", properties: ["no.such.thing": "1"]), loop: loop)
        }
        await loop.shutdown()
    }
}

/// librdkafka's own broker, whose answers can be held back.
///
/// `@unchecked Sendable`: its functions are thread-safe.
private final class MockBroker: @unchecked Sendable {
    let address: String
    private let client: OpaquePointer
    private let cluster: OpaquePointer

    init(topic: String) throws {
        var reason = [CChar](repeating: 0, count: 256)
        client = try #require(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), &reason, reason.count))
        cluster = try #require(rd_kafka_mock_cluster_new(client, 1))
        address = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
        rd_kafka_mock_topic_create(cluster, topic, 1, 1)
    }

    func delay(milliseconds: Int32) { rd_kafka_mock_broker_set_rtt(cluster, 1, milliseconds) }

    deinit {
        rd_kafka_mock_cluster_destroy(cluster)
        rd_kafka_destroy(client)
    }
}
