import Values

/// What is appended to a topic: a key that decides the partition, headers, and a body.
public struct EventRecord: Sendable, Hashable {
    /// Records of one key stay in order. Must not be empty.
    public var key: String
    public var headers: HeaderBlock
    /// `nil` is a tombstone; an empty body is a body.
    public var body: [UInt8]?

    public init(key: String, headers: HeaderBlock = [], body: [UInt8]?) {
        self.key = key
        self.headers = headers
        self.body = body
    }

    /// The value of the last header of that name, as text.
    public func header(_ name: String) -> String? {
        headers.fields.last { $0.name == name }.flatMap { String(validating: $0.value, as: UTF8.self) }
    }
}

/// A partition of a topic.
public struct TopicPartition: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var topic: String
    public var partition: Int

    public init(_ topic: String, _ partition: Int) {
        self.topic = topic
        self.partition = partition
    }

    public static func < (a: Self, b: Self) -> Bool {
        (a.topic, a.partition) < (b.topic, b.partition)
    }

    public var description: String { "\(topic)/\(partition)" }
}

/// A record as it stands in the log.
public struct StoredRecord: Sendable, Hashable {
    public var source: TopicPartition
    /// Offsets grow along a partition; they need not be contiguous.
    public var offset: Int64
    /// When the log took the record.
    public var time: Timestamp
    public var record: EventRecord

    public init(source: TopicPartition, offset: Int64, time: Timestamp, record: EventRecord) {
        self.source = source
        self.offset = offset
        self.time = time
        self.record = record
    }
}

/// Where reading of a partition begins.
public enum EventPosition: Sendable, Hashable {
    case earliest
    case latest
    /// The next record to read is the first at or after this offset.
    case offset(Int64)
}
