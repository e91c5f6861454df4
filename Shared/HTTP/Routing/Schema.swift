import JSON

/// A JSON Schema (2020-12) used by an endpoint: inline, or named and then referred to by `$ref`.
public struct Schema: Sendable, Hashable {
    /// The name under `components/schemas`; nil when inline.
    public let name: String?
    /// The schema itself. Inside, other named schemas are referred to with `Schema.reference`.
    public let definition: JSON
    /// The named schemas that `definition` refers to.
    public let uses: [Schema]

    /// A schema of its own name. The same name with another content stops the start of a service.
    public init(_ name: String, _ definition: JSON, uses: [Schema] = []) {
        precondition(
            !name.isEmpty && name.utf8.allSatisfy { $0 < 128 && ($0.isLetterOrDigit || $0 == UInt8(ascii: "_")) },
            "The schema name “\(name)” must be ASCII letters, digits and “_”.")
        self.name = name
        self.definition = definition
        self.uses = uses
    }

    /// A schema without a name, written where it is used.
    public init(inline definition: JSON, uses: [Schema] = []) {
        name = nil
        self.definition = definition
        self.uses = uses
    }

    /// What stands where the schema is used.
    public var json: JSON {
        if let name { Schema.reference(name) } else { definition }
    }

    /// `{"$ref": "#/components/schemas/<name>"}`.
    public static func reference(_ name: String) -> JSON {
        ["$ref": .string("#/components/schemas/\(name)")]
    }

    /// An array of these.
    public var list: Schema {
        Schema(inline: ["type": "array", "items": json], uses: name == nil ? uses : [self])
    }

    /// A page of these: `{"items": […], "nextCursor": …}`.
    public func page(_ name: String) -> Schema {
        let definition: JSON = [
            "type": "object", "required": ["items", "nextCursor"],
            "properties": [
                "items": ["type": "array", "items": json],
                "nextCursor": [
                    "type": ["string", "null"],
                    "description": "Send as cursor to get the next page; null on the last.",
                ],
            ],
        ]
        return Schema(name, definition, uses: self.name == nil ? uses : [self])
    }
}

extension UInt8 {
    var isLetterOrDigit: Bool { (48...57).contains(self) || (65...90).contains(self) || (97...122).contains(self) }
}
