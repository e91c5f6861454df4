import JSON
import Values

/// A struct that is described by a catalogue: the lines of an order, the snapshot in an event.
public protocol CatalogueRecord: FieldConvertible, JSONRepresentable, Hashable {
    static var catalogue: Entity<Self> { get }
    /// Every field at its default.
    init()
}

extension CatalogueRecord {
    public var json: JSON { Self.catalogue.encode(self) }
    public var fieldValue: FieldValue { .json(json) }

    public init?(fieldValue: FieldValue) {
        guard case .json(let json) = fieldValue, let record = try? Self(json: json) else { return nil }
        self = record
    }

    /// Tolerant of members that a newer version added.
    public init(json: JSON) throws(ValidationFailure) {
        self = try Self.catalogue.decode(json, into: Self())
    }
}

extension FieldType {
    /// An object that is a described struct.
    public static func object<Record: CatalogueRecord>(_ type: Record.Type) -> FieldType {
        .object(Record.catalogue.schema)
    }
}
