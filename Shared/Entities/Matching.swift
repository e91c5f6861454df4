import JSON
import Values

extension Entity {
    /// Whether the record is what the filter wants: the same answer SQL gives.
    public func matches(_ record: Record, _ filter: Filter) -> Bool {
        switch filter {
        case .all(let parts): parts.allSatisfy { matches(record, $0) }
        case .any(let parts): parts.contains { matches(record, $0) }
        case .not(let part): !matches(record, part)
        case .field(let field, let comparison): comparison.holds(of: value(of: field, in: record))
        }
    }

    /// The value a filter or a sort looks at.
    public func value(of field: FieldReference, in record: Record) -> FieldValue {
        guard field.isCustom else {
            return schema.position(of: field.definition.name).map { fields[$0].get(record) } ?? .null
        }
        guard let stored = custom?(record)[field.definition.name], !stored.isNull else { return .null }
        return (try? field.definition.type.read(stored, at: JSONPointer(), .tolerant)) ?? .null
    }
}

extension Comparison {
    /// Whether it is true of the value.
    public func holds(of value: FieldValue) -> Bool {
        switch self {
        case .isNull(let wanted): return value.isNull == wanted
        case .oneOf(let values): return Comparison.isOne(value, of: values)
        case .contains(let text): return Comparison.texts(value).contains { $0.contains(text.lowercased()) }
        case .startsWith(let text): return Comparison.texts(value).contains { $0.hasPrefix(text.lowercased()) }
        case .any(let parts): return parts.contains { $0.holds(of: value) }
        case .not(let part): return !part.holds(of: value)
        case .range(let lower, let upper):
            guard !value.isNull else { return false }
            if let lower {
                guard let order = value.compared(to: lower.value) else { return false }
                guard order > 0 || (order == 0 && lower.isInclusive) else { return false }
            }
            if let upper {
                guard let order = value.compared(to: upper.value) else { return false }
                guard order < 0 || (order == 0 && upper.isInclusive) else { return false }
            }
            return true
        }
    }

    private static func isOne(_ value: FieldValue, of wanted: [FieldValue]) -> Bool {
        switch value {
        case .null: false
        case .list(let elements): elements.contains { isOne($0, of: wanted) }
        case .int, .double: wanted.contains { value.compared(to: $0) == 0 }
        default: wanted.contains(value)
        }
    }

    private static func texts(_ value: FieldValue) -> [String] {
        switch value {
        case .string(let text): [text.lowercased()]
        case .list(let elements): elements.flatMap(texts)
        default: []
        }
    }
}

extension FieldValue {
    /// Below, at or above zero as this comes before, with or after `other`; nil when they cannot be compared.
    public func compared(to other: FieldValue) -> Int? {
        switch (self, other) {
        case (.int(let left), .int(let right)): FieldValue.order(left, right)
        case (.double(let left), .double(let right)): FieldValue.order(left, right)
        case (.int(let left), .double(let right)): FieldValue.order(Double(left), right)
        case (.double(let left), .int(let right)): FieldValue.order(left, Double(right))
        case (.date(let left), .date(let right)): FieldValue.order(left, right)
        case (.timestamp(let left), .timestamp(let right)): FieldValue.order(left, right)
        case (.money(let left), .money(let right)):
            left.currency == right.currency ? FieldValue.order(left.minorUnits, right.minorUnits) : nil
        case (.string(let left), .string(let right)):
            // By code points, as PostgreSQL's collation C does.
            left.unicodeScalars.lexicographicallyPrecedes(right.unicodeScalars)
                ? -1 : (left == right ? 0 : 1)
        default: nil
        }
    }

    private static func order<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
        left < right ? -1 : (left == right ? 0 : 1)
    }
}
