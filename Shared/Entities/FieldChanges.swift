import JSON
import Values

/// A value given for a field.
struct FieldChange: Sendable, Hashable {
    let name: String
    /// In the schema's `fields`.
    let position: Int
    let value: FieldValue
}

/// The checked values of a body, in its order. Null is a value: it clears.
public struct FieldChanges: Sendable, Hashable {
    private(set) var list: [FieldChange] = []
    /// Checked values of custom fields, nil when the body has none; null clears one.
    public internal(set) var custom: JSONObject?

    init() {}

    public var isEmpty: Bool { list.isEmpty && custom?.isEmpty ?? true }
    public var names: [String] { list.map(\.name) }

    /// nil when the body did not name the field.
    public subscript(name: String) -> FieldValue? { list.first { $0.name == name }?.value }

    public func contains(_ name: String) -> Bool { self[name] != nil }

    /// The value as a Swift type; nil when absent, null or of another type.
    public func value<Value: FieldConvertible>(_ name: String, as type: Value.Type = Value.self) -> Value? {
        self[name].flatMap { $0.isNull ? nil : Value(fieldValue: $0) }
    }

    mutating func append(_ change: FieldChange) { list.append(change) }
}
