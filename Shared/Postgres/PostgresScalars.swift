import Foundation
import Values

// How each Swift type looks in PostgreSQL's binary format (`src/backend/utils/adt/*send`).

/// Every integer column that fits, and whole numerics (`sum(bigint)` is one).
private func integer<Result: FixedWidthInteger>(
    _ cell: PostgresCell?, as type: Result.Type
) throws(PostgresDecodingError) -> Result {
    guard let cell else { throw PostgresDecodingError(nil, as: type) }
    let wide: Int64? =
        switch (cell.type, cell.bytes.count) {
        case (.int8, 8), (.xid8, 8): cell.bytes.bigEndian(as: Int64.self)
        case (.int4, 4): Int64(cell.bytes.bigEndian(as: Int32.self))
        case (.int2, 2): Int64(cell.bytes.bigEndian(as: Int16.self))
        case (.oid, 4): Int64(cell.bytes.bigEndian(as: UInt32.self))
        case (.numeric, 8...): PostgresNumeric(cell.bytes)?.integer
        default: nil
        }
    guard let wide, let result = Result(exactly: wide) else { throw PostgresDecodingError(cell, as: type) }
    return result
}

extension Int64: PostgresValue {
    public static var postgresType: PostgresType { .int8 }
    public static var postgresArrayType: PostgresType { .int8Array }
    public func encode(into buffer: inout [UInt8]) { buffer.append(bigEndian: self) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> Int64 {
        try integer(cell, as: Int64.self)
    }
}

extension Int: PostgresValue {
    public static var postgresType: PostgresType { .int8 }
    public static var postgresArrayType: PostgresType { .int8Array }
    public func encode(into buffer: inout [UInt8]) { buffer.append(bigEndian: Int64(self)) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> Int {
        try integer(cell, as: Int.self)
    }
}

extension Int32: PostgresValue {
    public static var postgresType: PostgresType { .int4 }
    public static var postgresArrayType: PostgresType { .int4Array }
    public func encode(into buffer: inout [UInt8]) { buffer.append(bigEndian: self) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> Int32 {
        try integer(cell, as: Int32.self)
    }
}

extension Int16: PostgresValue {
    public static var postgresType: PostgresType { .int2 }
    public static var postgresArrayType: PostgresType { .int2Array }
    public func encode(into buffer: inout [UInt8]) { buffer.append(bigEndian: self) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> Int16 {
        try integer(cell, as: Int16.self)
    }
}

extension Bool: PostgresValue {
    public static var postgresType: PostgresType { .bool }
    public static var postgresArrayType: PostgresType { .boolArray }
    public func encode(into buffer: inout [UInt8]) { buffer.append(self ? 1 : 0) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> Bool {
        guard let cell, cell.type == .bool, cell.bytes.count == 1 else {
            throw PostgresDecodingError(cell, as: Bool.self)
        }
        return cell.bytes[0] != 0
    }
}

extension Double: PostgresValue {
    public static var postgresType: PostgresType { .float8 }
    public static var postgresArrayType: PostgresType { .float8Array }
    public func encode(into buffer: inout [UInt8]) { buffer.append(bigEndian: bitPattern) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> Double {
        let number: Double? =
            switch (cell?.type, cell?.bytes.count) {
            case (.float8, 8): cell.map { Double(bitPattern: $0.bytes.bigEndian()) }
            case (.float4, 4): cell.map { Double(Float(bitPattern: $0.bytes.bigEndian())) }
            case (.numeric, _): cell.flatMap { PostgresNumeric($0.bytes)?.double }
            default: (try? integer(cell, as: Int64.self)).map { Double($0) }
            }
        guard let number else { throw PostgresDecodingError(cell, as: Double.self) }
        return number
    }
}

extension String: PostgresValue {
    public static var postgresType: PostgresType { .text }
    public static var postgresArrayType: PostgresType { .textArray }
    public func encode(into buffer: inout [UInt8]) { buffer.append(contentsOf: utf8) }
    /// Text of any kind, enums, JSON as its text, numerics as decimals; not dates, numbers or ids, whose binary form
    /// is no text.
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> String {
        guard let cell else { throw PostgresDecodingError(nil, as: String.self) }
        switch cell.type {
        case .text, .varchar, .bpchar, .name, .char, .json: return String(decoding: cell.bytes, as: UTF8.self)
        case .jsonb: return String(decoding: cell.bytes.dropFirst(), as: UTF8.self)
        case .numeric:
            if let number = PostgresNumeric(cell.bytes)?.description { return number }
        case .void: return ""
        case .bool, .bytea, .int8, .int2, .int4, .oid, .float4, .float8, .date, .timestamp, .timestamptz, .uuid, .xid8:
            break
        default:
            // Types made by migrations (enums, domains' base types, citext) have ids from 16384 up; their binary
            // form is their text.
            if cell.type.rawValue >= 16384 { return String(decoding: cell.bytes, as: UTF8.self) }
        }
        throw PostgresDecodingError(cell, as: String.self)
    }
}

extension UUID: PostgresValue {
    public static var postgresType: PostgresType { .uuid }
    public static var postgresArrayType: PostgresType { .uuidArray }
    public func encode(into buffer: inout [UInt8]) { withUnsafeBytes(of: uuid) { buffer.append(contentsOf: $0) } }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> UUID {
        guard let cell, cell.type == .uuid, cell.bytes.count == 16 else {
            throw PostgresDecodingError(cell, as: UUID.self)
        }
        return UUID(uuid: cell.bytes.loadUnaligned(as: uuid_t.self))
    }
}

extension Timestamp: PostgresValue {
    /// 2000-01-01, where PostgreSQL counts from, in microseconds since 1970.
    static let postgresEpoch: Int64 = 946_684_800_000_000

    public static var postgresType: PostgresType { .timestamptz }
    public static var postgresArrayType: PostgresType { .timestamptzArray }
    public func encode(into buffer: inout [UInt8]) { buffer.append(bigEndian: microseconds &- Self.postgresEpoch) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> Timestamp {
        guard let cell, cell.type == .timestamptz, cell.bytes.count == 8 else {
            throw PostgresDecodingError(cell, as: Timestamp.self)
        }
        let (sum, overflow) = cell.bytes.bigEndian(as: Int64.self).addingReportingOverflow(postgresEpoch)
        let moment = Timestamp(microseconds: sum)
        guard !overflow, (earliest...latest).contains(moment) else {
            throw PostgresDecodingError("a time outside the years 1900 to 2200")
        }
        return moment
    }
}

extension CalendarDate: PostgresValue {
    /// Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
    static let postgresEpoch = 10957

    public static var postgresType: PostgresType { .date }
    public static var postgresArrayType: PostgresType { .dateArray }
    public func encode(into buffer: inout [UInt8]) {
        buffer.append(bigEndian: Int32(clamping: days - Self.postgresEpoch))
    }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> CalendarDate {
        guard let cell, cell.type == .date, cell.bytes.count == 4 else {
            throw PostgresDecodingError(cell, as: CalendarDate.self)
        }
        let date = CalendarDate(days: Int(cell.bytes.bigEndian(as: Int32.self)) + postgresEpoch)
        guard (Timestamp.earliestDay...Timestamp.latestDay).contains(date.days) else {
            throw PostgresDecodingError("a date outside the years 1900 to 2200")
        }
        return date
    }
}

extension Timestamp {
    fileprivate static let earliestDay = Int((earliest.microseconds / 86_400_000_000))
    fileprivate static let latestDay = Int(latest.microseconds / 86_400_000_000)
}

/// A single byte is a `smallint`; an array of bytes is a `bytea`.
extension UInt8: PostgresValue {
    public static var postgresType: PostgresType { .int2 }
    public static var postgresArrayType: PostgresType { .bytea }
    public func encode(into buffer: inout [UInt8]) { buffer.append(bigEndian: Int16(self)) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> UInt8 {
        try integer(cell, as: UInt8.self)
    }
    public static func encodeArray(_ elements: [UInt8], into buffer: inout [UInt8]) {
        buffer.append(contentsOf: elements)
    }
    /// `bytea`, and the text of JSON and strings as it is.
    public static func decodeArray(_ cell: PostgresCell) throws(PostgresDecodingError) -> [UInt8] {
        switch cell.type {
        case .bytea, .text, .varchar, .json: return [UInt8](cell.bytes)
        case .jsonb: return [UInt8](cell.bytes.dropFirst())
        default: throw PostgresDecodingError(cell, as: [UInt8].self)
        }
    }
}
