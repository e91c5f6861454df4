import Foundation
import JSON
import Values

/// A Swift type that a record's field can have.
public protocol FieldConvertible: Sendable {
    /// nil when the value is of another kind, or null where this type has no null.
    init?(fieldValue: FieldValue)
    var fieldValue: FieldValue { get }
}

extension String: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .string(let value) = fieldValue else { return nil }
        self = value
    }
    @inlinable public var fieldValue: FieldValue { .string(self) }
}

extension Int64: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .int(let value) = fieldValue else { return nil }
        self = value
    }
    @inlinable public var fieldValue: FieldValue { .int(self) }
}

extension Int: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .int(let value) = fieldValue else { return nil }
        self = Int(value)
    }
    @inlinable public var fieldValue: FieldValue { .int(Int64(self)) }
}

extension Double: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        switch fieldValue {
        case .double(let value): self = value
        case .int(let value): self = Double(value)
        default: return nil
        }
    }
    @inlinable public var fieldValue: FieldValue { .double(self) }
}

extension Bool: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .bool(let value) = fieldValue else { return nil }
        self = value
    }
    @inlinable public var fieldValue: FieldValue { .bool(self) }
}

extension Money: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .money(let value) = fieldValue else { return nil }
        self = value
    }
    @inlinable public var fieldValue: FieldValue { .money(self) }
}

extension CalendarDate: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .date(let value) = fieldValue else { return nil }
        self = value
    }
    @inlinable public var fieldValue: FieldValue { .date(self) }
}

extension Timestamp: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .timestamp(let value) = fieldValue else { return nil }
        self = value
    }
    @inlinable public var fieldValue: FieldValue { .timestamp(self) }
}

extension UUID: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .uuid(let value) = fieldValue else { return nil }
        self = value
    }
    @inlinable public var fieldValue: FieldValue { .uuid(self) }
}

extension JSON: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) { self = fieldValue.json }
    @inlinable public var fieldValue: FieldValue { self == .null ? .null : .json(self) }
}

extension JSONObject: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .json(.object(let value)) = fieldValue else { return nil }
        self = value
    }
    @inlinable public var fieldValue: FieldValue { .json(.object(self)) }
}

extension Optional: FieldConvertible where Wrapped: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        if fieldValue.isNull {
            self = .none
        } else {
            guard let value = Wrapped(fieldValue: fieldValue) else { return nil }
            self = value
        }
    }
    @inlinable public var fieldValue: FieldValue { self?.fieldValue ?? .null }
}

extension Array: FieldConvertible where Element: FieldConvertible {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .list(let values) = fieldValue else { return nil }
        var elements: [Element] = []
        for value in values {
            guard let element = Element(fieldValue: value) else { return nil }
            elements.append(element)
        }
        self = elements
    }
    @inlinable public var fieldValue: FieldValue { .list(map { $0.fieldValue }) }
}

/// Enumerations of strings: `enum LeadStatus: String, FieldConvertible`.
extension FieldConvertible where Self: RawRepresentable, RawValue == String {
    @inlinable public init?(fieldValue: FieldValue) {
        guard case .string(let value) = fieldValue else { return nil }
        self.init(rawValue: value)
    }
    @inlinable public var fieldValue: FieldValue { .string(rawValue) }
}
