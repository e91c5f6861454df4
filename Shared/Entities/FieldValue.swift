import Foundation
import JSON
import Values

/// The value of a field, checked and typed: what lies between JSON, SQL, filters, rules and records.
public enum FieldValue: Sendable, Hashable {
    case null
    case string(String)
    case int(Int64)
    case double(Double)
    case bool(Bool)
    case money(Money)
    case date(CalendarDate)
    case timestamp(Timestamp)
    case uuid(UUID)
    case list([FieldValue])
    /// An object or free JSON.
    case json(JSON)

    public var isNull: Bool { self == .null }

    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }
}

extension FieldValue: JSONRepresentable {
    public var json: JSON {
        switch self {
        case .null: .null
        case .string(let value): .string(value)
        case .int(let value): .int(value)
        case .double(let value): value.json
        case .bool(let value): .bool(value)
        case .money(let value): value.json
        case .date(let value): value.json
        case .timestamp(let value): value.json
        case .uuid(let value): value.json
        case .list(let values): .array(values.map(\.json))
        case .json(let value): value
        }
    }
}

extension JSONWriter {
    /// The same bytes as `value.json` gives, without building it.
    public mutating func write(_ value: FieldValue) {
        switch value {
        case .null: raw("null")
        case .string(let value): write(value)
        case .int(let value): write(value)
        case .double(let value): write(value)
        case .bool(let value): raw(value ? "true" : "false")
        case .date(let value): write(value)
        case .timestamp(let value): write(value)
        case .uuid(let value): write(value)
        case .money, .list, .json: write(value.json)
        }
    }
}
