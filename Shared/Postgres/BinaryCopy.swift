/// Rows for `copy … from stdin (format binary)`.
///
/// Each value must have exactly the type of its column: `Int32` for an `integer`, `Int` for a `bigint`.
public struct BinaryCopy: Sendable {
    private var bytes: [UInt8]

    public init() { bytes = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8) }

    /// What has been written and not been taken, in bytes.
    public var size: Int { bytes.count }

    public mutating func append<each Value: PostgresValue>(_ values: repeat each Value) {
        var count: Int16 = 0
        for _ in repeat (each Value).self { count += 1 }
        bytes.append(bigEndian: count)
        for value in repeat each values { PostgresArray.encodeField(value, into: &bytes) }
    }

    /// Takes what has been written so far: a chunk.
    public mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    /// The last chunk, with the end mark.
    public consuming func finish() -> [UInt8] {
        bytes.append(bigEndian: Int16(-1))
        return bytes
    }
}
