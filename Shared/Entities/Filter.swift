import JSON
import Values

/// A field that a filter or a sort names: of the catalogue, or a tenant's own.
public struct FieldReference: Sendable, Hashable {
    public let definition: FieldDefinition
    /// Whether the value lies in the record's `custom` object.
    public let isCustom: Bool

    /// As callers write it: `company`, `custom.roofArea`.
    public var name: String { isCustom ? "custom.\(definition.name)" : definition.name }
}

/// Which objects are wanted: from a list's query, or from the condition of a rule. Everything in it is checked.
public indirect enum Filter: Sendable, Hashable {
    case all([Filter])
    case any([Filter])
    case not(Filter)
    case field(FieldReference, Comparison)

    /// Lets everything pass.
    public static let everything = Filter.all([])
}

/// What is asked of a field's value. Nothing but `isNull(true)`, `not` and a missing bound is true of null.
public enum Comparison: Sendable, Hashable {
    /// One of these; of a list: it holds one of these.
    case oneOf([FieldValue])
    /// Within bounds; a bound that is missing does not bind. Money is compared within the bound's currency.
    case range(lower: Bound?, upper: Bound?)
    /// The text occurs, in whatever case.
    case contains(String)
    case startsWith(String)
    case isNull(Bool)
    /// One of these is true: days of a time are ranges.
    indirect case any([Comparison])
    /// It is not true, as it is not of null.
    indirect case not(Comparison)
}

/// An end of a range.
public struct Bound: Sendable, Hashable {
    public let value: FieldValue
    public let isInclusive: Bool

    public init(_ value: FieldValue, inclusive: Bool) {
        self.value = value
        isInclusive = inclusive
    }
}

/// One key of an order.
public struct Sort: Sendable, Hashable {
    public let field: FieldReference
    public let isDescending: Bool

    public init(_ field: FieldReference, descending: Bool) {
        self.field = field
        isDescending = descending
    }
}
