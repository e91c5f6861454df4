import JSON

/// A declared parameter of the path, the query or a header.
public struct Parameter: Sendable, Hashable {
    public enum Place: String, Sendable { case path, query, header }

    public let name: String
    public let place: Place
    public let description: String
    public let required: Bool
    /// JSON Schema of the value.
    public let schema: JSON
    /// Whether the value is for nobody to see, in logs neither.
    public let isSecret: Bool

    init(
        _ name: String, _ place: Place, _ description: String, required: Bool, schema: JSON, isSecret: Bool = false
    ) {
        self.isSecret = isSecret
        self.name = name
        self.place = place
        self.description = description
        self.required = required
        self.schema = schema
    }

    public static func path(
        _ name: String, _ description: String, schema: JSON = .uuidSchema, isSecret: Bool = false
    ) -> Parameter {
        Parameter(name, .path, description, required: true, schema: schema, isSecret: isSecret)
    }

    public static func query(
        _ name: String, _ description: String, schema: JSON = ["type": "string"], required: Bool = false
    ) -> Parameter {
        Parameter(name, .query, description, required: required, schema: schema)
    }

    /// An integer of the query; read it with `call.query.int(name, range, default:)`.
    public static func query(
        _ name: String, _ description: String, _ range: ClosedRange<Int>, default value: Int
    ) -> Parameter {
        let schema: JSON = [
            "type": "integer", "minimum": .int(Int64(range.lowerBound)), "maximum": .int(Int64(range.upperBound)),
            "default": .int(Int64(value)),
        ]
        return .query(name, description, schema: schema)
    }

    public static func header(
        _ name: String, _ description: String, schema: JSON = ["type": "string"], required: Bool = false
    ) -> Parameter {
        Parameter(name, .header, description, required: required, schema: schema)
    }
}

extension Parameter {
    public static let ifMatch = header("If-Match", "The ETag read before; 412 when the object has changed since.")
    public static let idempotencyKey = header(
        "Idempotency-Key", "Chosen by the client; the same key and body gives the first answer again, for 24 hours.",
        schema: ["type": "string", "minLength": 1, "maxLength": 255])
}

extension JSON {
    public static let uuidSchema: JSON = ["type": "string", "format": "uuid"]
}

/// Which query parameters an endpoint takes.
public enum QueryPolicy: Sendable, Hashable {
    /// Only the declared ones; any other is refused by name.
    case declared
    /// Also filters such as `createdAt.gte=…`; the handler refuses the names it does not know.
    case filters(description: String)
}
