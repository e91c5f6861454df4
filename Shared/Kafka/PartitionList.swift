import CRDKafka

/// Owns an `rd_kafka_topic_partition_list_t`.
struct PartitionList: ~Copyable {
    typealias Pointer = UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    private let pointer: Pointer

    init() {
        guard let list = rd_kafka_topic_partition_list_new(16) else { preconditionFailure("out of memory") }
        pointer = list
    }

    init(_ partitions: some Sequence<KafkaPartition>) {
        self.init()
        for partition in partitions { append(partition) }
    }

    init(offsets: some Sequence<(key: KafkaPartition, value: Int64)>) {
        self.init()
        for (partition, offset) in offsets { append(partition, offset: offset) }
    }

    /// Lends the list to `body`; afterwards it may be gone.
    borrowing func lend<Value>(to body: (Pointer) -> Value) -> Value { body(pointer) }

    deinit { rd_kafka_topic_partition_list_destroy(pointer) }

    func append(_ partition: KafkaPartition, offset: Int64? = nil) {
        let element = rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)
        if let offset { element?.pointee.offset = offset }
    }

    /// What a list that librdkafka owns says; the offset is only meaningful without an error.
    static func read(
        _ list: UnsafePointer<rd_kafka_topic_partition_list_t>
    ) -> [(partition: KafkaPartition, offset: Int64, error: rd_kafka_resp_err_t)] {
        (0..<Int(list.pointee.cnt)).map { index in
            let element = list.pointee.elems[index]
            return (KafkaPartition(String(cString: element.topic), element.partition), element.offset, element.err)
        }
    }
}
