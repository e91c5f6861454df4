import JSON
import Values

// JSON Schema 2020-12 of what the catalogue describes: for OpenAPI, events and tests.

/// What a schema describes.
public enum SchemaPurpose: Sendable {
    /// An object as answers and events show it: every member there, absent ones null.
    case object
    /// The body of a creation.
    case create
    /// A merge patch.
    case patch
}

extension ObjectSchema {
    public func jsonSchema(_ purpose: SchemaPurpose) -> JSON {
        let fields = fields.filter { field in
            switch purpose {
            case .object: true
            case .create: !field.traits.contains(.readOnly)
            case .patch: field.traits.isDisjoint(with: [.readOnly, .createOnly])
            }
        }
        var properties = JSONObject(distinct: fields.map { ($0.name, $0.jsonSchema(purpose)) })
        if hasCustom {
            properties["custom"] = ["type": "object", "description": "The tenant's own fields."]
        }
        let required: [String] =
            switch purpose {
            case .object: properties.names
            case .create: fields.filter(\.isRequired).map(\.name)
            case .patch: []
            }
        var schema: JSONObject = ["type": "object", "properties": .object(properties)]
        if !required.isEmpty { schema["required"] = required.json }
        if purpose != .object { schema["additionalProperties"] = false }
        return .object(schema)
    }
}

extension FieldDefinition {
    public func jsonSchema(_ purpose: SchemaPurpose) -> JSON {
        var schema = type.jsonSchema(purpose).object ?? [:]
        let takesNull = isNullable || (purpose == .create && !isRequired)
        if takesNull {
            if let type = schema["type"] { schema["type"] = [type, "null"] }
            if let values = schema["enum"]?.array { schema["enum"] = .array(values + [.null]) }
        }
        schema["title"] = en.json
        if let help { schema["description"] = help.json }
        if purpose == .object, traits.contains(.readOnly) { schema["readOnly"] = true }
        schema["x-label-zh"] = zh.json
        return .object(schema)
    }
}

extension FieldType {
    func jsonSchema(_ purpose: SchemaPurpose) -> JSON {
        switch self {
        case .string(let maximum), .text(let maximum): ["type": "string", "maxLength": maximum.json]
        case .integer(let range):
            ["type": "integer", "minimum": range.lowerBound.json, "maximum": range.upperBound.json]
        case .decimal(let range, _):
            ["type": "number", "minimum": range.lowerBound.json, "maximum": range.upperBound.json]
        case .boolean: ["type": "boolean"]
        case .money(let allowNegative): FieldType.moneySchema(allowNegative: allowNegative)
        case .date: ["type": "string", "format": "date"]
        case .timestamp: ["type": "string", "format": "date-time"]
        case .uuid: ["type": "string", "format": "uuid"]
        case .reference(let entity): ["type": "string", "format": "uuid", "x-references": entity.json]
        case .choice(let choices): FieldType.choiceSchema(choices)
        // What is stored may go beyond the formats (addresses with Chinese names), so that only bodies name them.
        case .email where purpose == .object: ["type": "string", "maxLength": 254]
        case .url where purpose == .object: ["type": "string", "maxLength": 2000]
        case .email: ["type": "string", "format": "email"]
        case .phone: ["type": "string", "maxLength": 40]
        case .url: ["type": "string", "format": "uri"]
        case .list(let element, let maximum):
            ["type": "array", "items": element.jsonSchema(purpose), "maxItems": maximum.json]
        // Objects within objects are replaced as a whole, by a patch too.
        case .object(let schema): schema.jsonSchema(purpose == .object ? .object : .create)
        case .json: [:]
        }
    }

    /// Programs write the values, people read the labels.
    private static func choiceSchema(_ choices: [Choice]) -> JSON {
        let labels = choices.map { ($0.value, ["en": $0.en.json, "zh": $0.zh.json] as JSON) }
        return [
            "type": "string", "enum": choices.map(\.value).json, "x-enum-labels": .object(JSONObject(labels)),
        ]
    }

    private static func moneySchema(allowNegative: Bool) -> JSON {
        [
            "type": "object",
            "properties": [
                "amount": [
                    "type": "string",
                    "pattern": allowNegative ? #"^-?\d{1,15}(\.\d{1,4})?$"# : #"^\d{1,15}(\.\d{1,4})?$"#,
                ],
                "currency": ["type": "string", "pattern": "^[A-Z]{3}$"],
            ],
            "required": ["amount", "currency"],
        ]
    }
}
