import CRDKafka
import Runtime
import Synchronization
import Values

extension KafkaAdmin {
    private static let retentionKey = "retention.ms"

    /// Makes topics with the cluster's replication; those that exist are left alone.
    ///
    /// - Parameter retention: how long they keep messages; what the cluster says if nil.
    public func create(_ topics: [String], partitions: Int, retention: Duration? = nil) async throws {
        guard !topics.isEmpty else { return }
        try await ask { client, queue in
            var requests: [OpaquePointer?] = []
            defer { for request in requests { rd_kafka_NewTopic_destroy(request) } }
            for topic in topics {
                var reason = [CChar](repeating: 0, count: 256)
                guard let request = rd_kafka_NewTopic_new(topic, Int32(partitions), -1, &reason, reason.count) else {
                    throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, text(reason))
                }
                requests.append(request)
                if let retention {
                    try KafkaError.check(
                        rd_kafka_NewTopic_set_config(request, Self.retentionKey, "\(retention.microseconds / 1_000)"))
                }
            }
            rd_kafka_CreateTopics(client, &requests, requests.count, nil, queue)
        } read: { event in
            var count = 0
            let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
            for result in UnsafeBufferPointer(start: results, count: count) {
                let code = rd_kafka_topic_result_error(result)
                guard code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS || code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                    throw KafkaError(code, rd_kafka_topic_result_error_string(result).map { String(cString: $0) })
                }
            }
        }
    }

    /// How long each topic keeps messages, by its own word or the cluster's; without those that keep them for ever.
    public func retention(of topics: [String]) async throws -> [String: Duration] {
        guard !topics.isEmpty else { return [:] }
        return try await ask { client, queue in
            var requests = topics.map { rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0) }
            defer { for request in requests { rd_kafka_ConfigResource_destroy(request) } }
            rd_kafka_DescribeConfigs(client, &requests, requests.count, nil, queue)
        } read: { event in
            var count = 0
            let topics = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count)
            var retention: [String: Duration] = [:]
            for topic in UnsafeBufferPointer(start: topics, count: count) {
                try KafkaError.check(rd_kafka_ConfigResource_error(topic))
                guard let name = rd_kafka_ConfigResource_name(topic),
                    let text = Self.entry(Self.retentionKey, of: topic),
                    let milliseconds = Int64(text), milliseconds >= 0
                else { continue }
                retention[String(cString: name)] = .milliseconds(milliseconds)
            }
            return retention
        }
    }

    private static func entry(_ name: String, of topic: OpaquePointer?) -> String? {
        var count = 0
        let entries = rd_kafka_ConfigResource_configs(topic, &count)
        for entry in UnsafeBufferPointer(start: entries, count: count) {
            guard let own = rd_kafka_ConfigEntry_name(entry), String(cString: own) == name else { continue }
            return rd_kafka_ConfigEntry_value(entry).map { String(cString: $0) }
        }
        return nil
    }

    /// Sends a request and waits for its answer.
    private func ask<Value: Sendable>(
        _ send: @escaping @Sendable (_ client: OpaquePointer, _ queue: OpaquePointer?) throws -> Void,
        read: @escaping @Sendable (_ answer: OpaquePointer) throws -> Value
    ) async throws -> Value {
        let isGivenUp = Atomic(false)
        return try await withTaskCancellationHandler {
            try await call { client in
                let queue = rd_kafka_queue_new(client)
                defer { rd_kafka_queue_destroy(queue) }
                try send(client, queue)
                // In short steps: nobody waits for a broker who has given up himself.
                let end = ContinuousClock.now + .milliseconds(6 * Int(Self.patience))
                var answer: OpaquePointer?
                while answer == nil, !isGivenUp.load(ordering: .relaxed), ContinuousClock.now < end {
                    answer = rd_kafka_queue_poll(queue, 100)
                }
                guard let event = answer else { throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT) }
                defer { rd_kafka_event_destroy(event) }
                try KafkaError.check(rd_kafka_event_error(event))
                return try read(event)
            }
        } onCancel: {
            isGivenUp.store(true, ordering: .relaxed)
        }
    }
}
