import JSON

/// What an endpoint takes as body.
public struct RequestBody: Sendable, Hashable {
    public enum Shape: Sendable, Hashable {
        case object, array
        /// Any JSON value.
        case any
    }

    /// Accepted media types, lower case, without parameters; the first is what the documentation shows.
    public let mediaTypes: [String]
    public let schema: Schema
    /// In bytes; a larger body is refused with 413 before it is read.
    public let limit: Int
    public let required: Bool
    /// What `call.json()` insists on.
    public let shape: Shape
    public let example: JSON?

    /// 1 MiB: generous for one object, small enough to hold in memory for every connection.
    public static let defaultLimit = 1 << 20

    public init(
        mediaTypes: [String], schema: Schema, limit: Int = defaultLimit, required: Bool = true, shape: Shape = .any,
        example: JSON? = nil
    ) {
        precondition(!mediaTypes.isEmpty, "A request body needs at least one media type.")
        self.mediaTypes = mediaTypes
        self.schema = schema
        self.limit = limit
        self.required = required
        self.shape = shape
        self.example = example
    }

    /// A JSON object.
    public static func json(
        _ schema: Schema, limit: Int = defaultLimit, required: Bool = true, shape: Shape = .object,
        example: JSON? = nil
    ) -> RequestBody {
        RequestBody(
            mediaTypes: ["application/json"], schema: schema, limit: limit, required: required, shape: shape,
            example: example)
    }

    /// A merge patch (RFC 7396); plain `application/json` is taken for it too.
    public static func mergePatch(_ schema: Schema, limit: Int = defaultLimit, example: JSON? = nil) -> RequestBody {
        RequestBody(
            mediaTypes: ["application/merge-patch+json", "application/json"], schema: schema, limit: limit,
            shape: .object, example: example)
    }

    /// Bytes that the handler reads as a stream, such as CSV.
    public static func stream(_ mediaTypes: [String], limit: Int, description: String) -> RequestBody {
        RequestBody(
            mediaTypes: mediaTypes, schema: Schema(inline: ["type": "string", "description": .string(description)]),
            limit: limit)
    }
}

/// One answer that an endpoint gives.
public struct ResponseSpec: Sendable, Hashable {
    public let status: Int
    public let description: String
    public let mediaType: String
    /// Nil when the answer has no body.
    public let schema: Schema?
    public let example: JSON?
    /// Names and meanings of the answer's own headers, such as `ETag`.
    public let headers: [String: String]

    public init(
        _ status: Int, _ description: String, schema: Schema? = nil, mediaType: String = "application/json",
        example: JSON? = nil, headers: [String: String] = [:]
    ) {
        self.status = status
        self.description = description
        self.schema = schema
        self.mediaType = mediaType
        self.example = example
        self.headers = headers
    }
}
