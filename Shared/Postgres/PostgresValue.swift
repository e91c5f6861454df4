/// One field of a result, in PostgreSQL's binary format. Valid only within the call it is given to.
public struct PostgresCell {
    public let bytes: UnsafeRawBufferPointer
    public let type: PostgresType

    public init(bytes: UnsafeRawBufferPointer, type: PostgresType) {
        self.bytes = bytes
        self.type = type
    }
}

/// A Swift type that goes to PostgreSQL as a parameter and comes back from a result, always in binary format.
///
/// The parameter carries its type: `\(7)` is a `bigint` everywhere. Where a statement wants another type it says so
/// (`\(status)::lead_status`).
public protocol PostgresValue: Sendable {
    static var postgresType: PostgresType { get }
    static var postgresArrayType: PostgresType { get }
    var isNull: Bool { get }
    /// Appends the value's binary form; not called when `isNull`.
    func encode(into buffer: inout [UInt8])
    /// `nil` is SQL's NULL.
    static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> Self
    static func encodeArray(_ elements: [Self], into buffer: inout [UInt8])
    static func decodeArray(_ cell: PostgresCell) throws(PostgresDecodingError) -> [Self]
}

extension PostgresValue {
    public var isNull: Bool { false }

    @inlinable
    public static func encodeArray(_ elements: [Self], into buffer: inout [UInt8]) {
        PostgresArray.encode(elements, into: &buffer)
    }

    public static func decodeArray(_ cell: PostgresCell) throws(PostgresDecodingError) -> [Self] {
        try PostgresArray.decode(cell)
    }
}

/// A field that is not what the program asked for: a mistake in the statement or the program, never of a user.
public struct PostgresDecodingError: Error, Hashable, CustomStringConvertible {
    public let reason: String
    public var column: String?

    init(_ reason: String) { self.reason = reason }

    init(_ cell: PostgresCell?, as type: Any.Type) {
        guard let cell else {
            self.init("NULL where \(type) is expected; ask for \(type)? or coalesce")
            return
        }
        self.init("\(cell.type) of \(cell.bytes.count) bytes cannot be read as \(type); add a cast to the statement")
    }

    public var description: String { column.map { "column \($0): \(reason)" } ?? reason }
}

extension [UInt8] {
    /// Appends an integer in network byte order.
    @inlinable
    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

extension UnsafeRawBufferPointer {
    /// An integer in network byte order; the caller has checked the bounds.
    @inlinable
    func bigEndian<Integer: FixedWidthInteger>(at offset: Int = 0, as type: Integer.Type = Integer.self) -> Integer {
        Integer(bigEndian: loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }
}
