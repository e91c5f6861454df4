import CRDKafka
import Runtime
import Synchronization

/// Requests about topics and offsets. librdkafka's calls block, for seconds when no broker answers: so they run on threads of
/// their own, a bounded number in all, and keep nobody else from the pool for blocking work.
public struct KafkaAdmin: Sendable {
    let handle: KafkaHandle
    /// Of one call, in milliseconds.
    private static let patience: Int32 = 5_000
    private static let threads = AsyncSemaphore(permits: 8, maximumWaiters: 4_096)

    private func call<Value: Sendable>(_ body: @escaping @Sendable (OpaquePointer) throws -> Value) async throws
        -> Value
    {
        try await Self.threads.withPermit { try await Blocking.runApart { [handle] in try handle.use(body) } }
    }

    /// Number of partitions of a topic; asks the cluster.
    public func partitions(of topic: String) async throws -> Int {
        try await call { client in
            guard let target = rd_kafka_topic_new(client, topic, nil) else {
                throw KafkaError(rd_kafka_last_error())
            }
            defer { rd_kafka_topic_destroy(target) }
            var answer: UnsafePointer<rd_kafka_metadata>?
            try KafkaError.check(rd_kafka_metadata(client, 0, target, &answer, Self.patience))
            defer { rd_kafka_metadata_destroy(answer) }
            guard let answer, answer.pointee.topic_cnt == 1 else { return 0 }
            try KafkaError.check(answer.pointee.topics[0].err)
            return Int(answer.pointee.topics[0].partition_cnt)
        }
    }

    /// Whether a broker answers within a time.
    public func isReachable(within limit: Duration = .milliseconds(1_500)) async -> Bool {
        let milliseconds = Int32(limit / .milliseconds(1))
        let code = try? await call { client in
            var answer: UnsafePointer<rd_kafka_metadata>?
            let code = rd_kafka_metadata(client, 0, nil, &answer, milliseconds)
            if answer != nil { rd_kafka_metadata_destroy(answer) }
            return code.rawValue
        }
        return code == RD_KAFKA_RESP_ERR_NO_ERROR.rawValue
    }

    /// Makes topics with the cluster's replication; those that exist are left alone.
    public func create(_ topics: [String], partitions: Int) async throws {
        guard !topics.isEmpty else { return }
        let isGivenUp = Atomic(false)
        try await withTaskCancellationHandler {
            try await create(topics, partitions, isGivenUp: { isGivenUp.load(ordering: .relaxed) })
        } onCancel: {
            isGivenUp.store(true, ordering: .relaxed)
        }
    }

    private func create(
        _ topics: [String], _ partitions: Int, isGivenUp: @escaping @Sendable () -> Bool
    ) async throws {
        try await call { client in
            var requests: [OpaquePointer?] = []
            defer { for request in requests { rd_kafka_NewTopic_destroy(request) } }
            for topic in topics {
                var reason = [CChar](repeating: 0, count: 256)
                guard let request = rd_kafka_NewTopic_new(topic, Int32(partitions), -1, &reason, reason.count) else {
                    throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, text(reason))
                }
                requests.append(request)
            }
            let queue = rd_kafka_queue_new(client)
            defer { rd_kafka_queue_destroy(queue) }
            rd_kafka_CreateTopics(client, &requests, requests.count, nil, queue)
            // In short steps: nobody waits for a broker who has given up himself.
            let end = ContinuousClock.now + .milliseconds(6 * Int(Self.patience))
            var answer: OpaquePointer?
            while answer == nil, !isGivenUp(), ContinuousClock.now < end { answer = rd_kafka_queue_poll(queue, 100) }
            guard let event = answer else { throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT) }
            defer { rd_kafka_event_destroy(event) }
            try KafkaError.check(rd_kafka_event_error(event))
            var count = 0
            guard
                let results = rd_kafka_CreateTopics_result_topics(
                    rd_kafka_event_CreateTopics_result(event), &count)
            else { return }
            for result in UnsafeBufferPointer(start: results, count: count) {
                let code = rd_kafka_topic_result_error(result)
                guard code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS || code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                    throw KafkaError(code, rd_kafka_topic_result_error_string(result).map { String(cString: $0) })
                }
            }
        }
    }

    /// First offset at or after a time (milliseconds since 1970) per partition; -1 where there is none.
    public func offsets(at time: Int64, of partitions: [KafkaPartition]) async throws -> [KafkaPartition: Int64] {
        try await call { client in
            let list = PartitionList(offsets: partitions.map { (key: $0, value: time) })
            let (code, found) = list.lend { pointer in
                let code = rd_kafka_offsets_for_times(client, pointer, Self.patience)
                return (code, PartitionList.read(UnsafePointer(pointer)))
            }
            try KafkaError.check(code)
            var offsets: [KafkaPartition: Int64] = [:]
            for (partition, offset, error) in found {
                try KafkaError.check(error)
                offsets[partition] = offset
            }
            return offsets
        }
    }

    /// Oldest offset held and the one the next message will get.
    public func bounds(of partition: KafkaPartition) async throws -> Range<Int64> {
        try await call { client in
            var low: Int64 = 0
            var high: Int64 = 0
            try KafkaError.check(
                rd_kafka_query_watermark_offsets(
                    client, partition.topic, partition.partition, &low, &high, Self.patience))
            return low..<high
        }
    }
}
