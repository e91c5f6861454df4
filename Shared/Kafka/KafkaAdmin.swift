import CRDKafka
import Runtime
import Synchronization

/// Requests about topics and offsets. librdkafka's calls block, for seconds when no broker answers: so they run on threads of
/// their own, a bounded number in all, and keep nobody else from the pool for blocking work.
public struct KafkaAdmin: Sendable {
    let handle: KafkaHandle
    /// Of one call, in milliseconds.
    static let patience: Int32 = 5_000
    private static let threads = AsyncSemaphore(permits: 8, maximumWaiters: 4_096)

    func call<Value: Sendable>(_ body: @escaping @Sendable (OpaquePointer) throws -> Value) async throws
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
