import Foundation
import Values

extension JSON {
    /// The shortest JSON text in UTF-8. Members in their order; a double that is no number is written as null.
    public func serialize() -> [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }

    /// Indented text for people and committed files, with a final line break.
    public func serializePretty() -> [UInt8] {
        var writer = JSONWriter()
        writer.write(self, indent: 0)
        writer.raw("\n")
        return writer.bytes
    }
}

/// Writes JSON text piece by piece into one growing array: answers are written from records without a tree between.
public struct JSONWriter {
    public var bytes: [UInt8] = []

    public init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    public mutating func write(_ value: JSON) {
        switch value {
        case .null: raw("null")
        case .bool(let value): raw(value ? "true" : "false")
        case .int(let value): write(value)
        case .double(let value): write(value)
        case .string(let value): write(value)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(element)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for index in 0..<members.count {
                let member = members[index]
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(member.name)
                bytes.append(UInt8(ascii: ":"))
                write(member.value)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// Text that is JSON already.
    public mutating func raw(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    public mutating func write(_ value: Int64) {
        guard value != .min else { return raw("-9223372036854775808") }
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var start = 20
            repeat {
                start -= 1
                digits[start] = UInt8(48 + rest % 10)
                rest /= 10
            } while rest > 0
            bytes.append(contentsOf: UnsafeMutableBufferPointer(rebasing: digits[start...]))
        }
    }

    public mutating func write(_ value: Double) {
        guard value.isFinite else { return raw("null") }
        bytes.append(contentsOf: value.description.utf8)
    }

    /// A JSON string with what must be escaped escaped; runs of plain bytes are copied whole.
    public mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            var plain = 0
            for index in 0..<utf8.count {
                let byte = utf8[index]
                guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { continue }
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[plain..<index]))
                escape(byte)
                plain = index + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[plain...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(0x5C)
        switch byte {
        case 0x22, 0x5C: bytes.append(byte)
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            raw("u00")
            bytes.append(48 + byte >> 4)
            bytes.append(byte & 15 < 10 ? 48 + byte & 15 : 87 + byte & 15)
        }
    }

    /// A timestamp, id or date as a JSON string: their text needs no escape.
    public mutating func write(_ time: Timestamp) { quoted(24, time.write(into:)) }
    public mutating func write(_ date: CalendarDate) { quoted(10, date.write(into:)) }
    public mutating func write(_ id: UUID) { quoted(36, id.write(into:)) }

    private mutating func quoted(_ count: Int, _ fill: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
        bytes.append(UInt8(ascii: "\""))
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { buffer in
            fill(buffer)
            bytes.append(contentsOf: buffer)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    // MARK: Indented

    mutating func write(_ value: JSON, indent: Int) {
        switch value {
        case .array(let elements) where !elements.isEmpty:
            block("[", "]", elements, indent) { writer, element in writer.write(element, indent: indent + 1) }
        case .object(let members) where !members.isEmpty:
            block("{", "}", members, indent) { writer, member in
                writer.write(member.name)
                writer.raw(": ")
                writer.write(member.value, indent: indent + 1)
            }
        default: write(value)
        }
    }

    private mutating func block<Element>(
        _ open: StaticString, _ close: StaticString, _ elements: some Collection<Element>, _ indent: Int,
        _ each: (inout JSONWriter, Element) -> Void
    ) {
        raw(open)
        for (index, element) in elements.enumerated() {
            raw(index > 0 ? ",\n" : "\n")
            bytes.append(contentsOf: repeatElement(0x20, count: (indent + 1) * 2))
            each(&self, element)
        }
        raw("\n")
        bytes.append(contentsOf: repeatElement(0x20, count: indent * 2))
        raw(close)
    }
}
