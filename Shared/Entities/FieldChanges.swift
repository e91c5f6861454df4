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

    mutating func remove(_ name: String) { list.removeAll { $0.name == name } }
}

extension ObjectSchema {
    /// `changes` with one more value, put there by the domain: not checked again, replaces what the body gave.
    public func setting(_ name: String, _ value: some FieldConvertible, in changes: FieldChanges) -> FieldChanges {
        guard let position = position(of: name) else {
            preconditionFailure("\(self.name) has no field \(name)")
        }
        var changes = changes
        changes.remove(name)
        changes.append(FieldChange(name: name, position: position, value: value.fieldValue))
        return changes
    }
}
