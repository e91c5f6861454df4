import JSON
import Text
import Values

extension ObjectSchema {
    /// Fields that rows of a table can fill: the catalogue's and the tenant's own.
    public func importable(custom: CustomFields = .none) -> [FieldReference] {
        fields.filter(\.isImportable).map { FieldReference(definition: $0, isCustom: false) }
            + (hasCustom ? custom.definitions.map { FieldReference(definition: $0, isCustom: true) } : [])
    }

    /// The field that a column's heading most likely means: its name or one of its labels, however spelt.
    public func field(heading: String, custom: CustomFields = .none) -> FieldReference? {
        let wanted = ObjectSchema.spelling(heading)
        guard !wanted.isEmpty else { return nil }
        return importable(custom: custom).first { field in
            [field.definition.name, field.name, field.definition.zh, field.definition.en]
                .contains { ObjectSchema.spelling($0) == wanted }
        }
    }

    /// The body of a creation that a row's cells mean; empty cells are left out. `validate(create:)` then judges it,
    /// so that a row and a call get the same messages.
    public func body(cells: [(field: FieldReference, text: String)], context: TextContext) -> JSON {
        var body = JSONObject()
        var custom = JSONObject()
        for (field, text) in cells {
            let value = field.definition.type.json(text: text, context)
            if value.isNull { continue }
            if field.isCustom { custom[field.definition.name] = value } else { body[field.definition.name] = value }
        }
        if !custom.isEmpty { body["custom"] = .object(custom) }
        return .object(body)
    }

    private static func spelling(_ text: String) -> String {
        foldedText(text).filter { $0.isLetter || $0.isNumber }
    }
}
