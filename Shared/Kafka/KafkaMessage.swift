import CRDKafka
import Glibc
import Values

/// A message to produce.
public struct KafkaMessage: Sendable, Hashable {
    public var key: [UInt8]?
    public var headers: HeaderBlock
    /// `nil` is a tombstone.
    public var value: [UInt8]?

    public init(key: [UInt8]?, headers: HeaderBlock = [], value: [UInt8]?) {
        self.key = key
        self.headers = headers
        self.value = value
    }
}

/// A partition of a topic.
public struct KafkaPartition: Sendable, Hashable {
    public var topic: String
    public var partition: Int32

    public init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

/// A message as it was consumed.
public struct ConsumedMessage: Sendable {
    public var source: KafkaPartition
    public var offset: Int64
    /// Milliseconds since 1970.
    public var timestamp: Int64
    public var message: KafkaMessage
}

extension ConsumedMessage {
    /// Copies a librdkafka message; the original may be destroyed afterwards.
    init(_ raw: UnsafePointer<rd_kafka_message_t>, topic: String) {
        let m = raw.pointee
        self.init(
            source: KafkaPartition(topic, m.partition), offset: m.offset,
            timestamp: rd_kafka_message_timestamp(raw, nil),
            message: KafkaMessage(
                key: Self.bytes(m.key, m.key_len), headers: Self.headers(raw), value: Self.bytes(m.payload, m.len)))
    }

    private static func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
        start.map { Array(UnsafeRawBufferPointer(start: $0, count: count)) }
    }

    private static func headers(_ raw: UnsafePointer<rd_kafka_message_t>) -> HeaderBlock {
        var list: OpaquePointer?
        guard rd_kafka_message_headers(raw, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
        let count = rd_kafka_header_cnt(list)
        var block = HeaderBlock(minimumCapacity: 56 * count)
        var (name, value, size): (UnsafePointer<CChar>?, UnsafeRawPointer?, Int) = (nil, nil, 0)
        for index in 0..<count {
            guard rd_kafka_header_get_all(list, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name
            else { continue }
            block.append(
                UnsafeRawBufferPointer(start: name, count: strlen(name)),
                UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : size))
        }
        return block
    }
}
