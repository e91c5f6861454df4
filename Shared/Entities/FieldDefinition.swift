import JSON
import Values

/// Properties of a field besides its type.
public struct FieldTraits: OptionSet, Sendable, Hashable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Must be given at creation and cannot be cleared.
    public static let required = FieldTraits(rawValue: 1 << 0)
    /// No two objects of a tenant have the same value.
    public static let unique = FieldTraits(rawValue: 1 << 1)
    /// Kept fast to filter by.
    public static let indexed = FieldTraits(rawValue: 1 << 2)
    /// Personal: masked where the reader's role does not need it, and never logged.
    public static let sensitive = FieldTraits(rawValue: 1 << 3)
    /// Set by the system alone.
    public static let readOnly = FieldTraits(rawValue: 1 << 4)
    /// Given at creation, never changed.
    public static let createOnly = FieldTraits(rawValue: 1 << 5)
    public static let notImportable = FieldTraits(rawValue: 1 << 6)
    /// Stays inside the service.
    public static let notInEvents = FieldTraits(rawValue: 1 << 7)
    public static let notSortable = FieldTraits(rawValue: 1 << 8)
    public static let notFilterable = FieldTraits(rawValue: 1 << 9)
    /// Looked at by `q=`.
    public static let searchable = FieldTraits(rawValue: 1 << 10)
}

/// A field as everybody may know it: the catalogue's entry without the record behind it.
public struct FieldDefinition: Sendable, Hashable {
    /// camelCase, as on the wire.
    public let name: String
    public let type: FieldType
    public let traits: FieldTraits
    public let zh: String
    public let en: String
    /// A sentence about the meaning, where the label is not enough.
    public let help: String?
    /// The column's name; money has two, `<column>_minor` and `<column>_currency`.
    public let column: String
    /// Whether null is a value of this field; never for a required one.
    public internal(set) var isNullable: Bool

    public init(
        _ name: String, _ type: FieldType, zh: String, en: String, _ traits: FieldTraits = [], help: String? = nil,
        column: String? = nil
    ) {
        self.name = name
        self.type = type
        self.traits = traits
        self.zh = zh
        self.en = en
        self.help = help
        self.column = column ?? FieldDefinition.snakeCase(name)
        isNullable = !traits.contains(.required)
    }

    public var isRequired: Bool { traits.contains(.required) }
    public var isSensitive: Bool { traits.contains(.sensitive) }
    public var isInEvents: Bool { !traits.contains(.notInEvents) }
    public var isSortable: Bool { type.isSortable && !traits.contains(.notSortable) }
    public var isFilterable: Bool { type.isFilterable && !traits.contains(.notFilterable) }
    public var isImportable: Bool { traits.isDisjoint(with: [.readOnly, .notImportable]) }

    /// All columns that hold this field.
    public var columns: [String] {
        if case .money = type { ["\(column)_minor", "\(column)_currency"] } else { [column] }
    }

    static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { text, character in
            if character.isUppercase { text += "_" }
            text += character.lowercased()
        }
    }
}
