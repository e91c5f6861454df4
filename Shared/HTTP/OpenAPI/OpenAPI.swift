import JSON

/// The OpenAPI 3.1 document of a service, made from its endpoints.
public enum OpenAPI {
    /// The `info` object.
    public struct Info: Sendable {
        public let title: String
        public let version: String
        public let description: String

        public init(title: String, version: String, description: String) {
            self.title = title
            self.version = version
            self.description = description
        }
    }

    /// - Parameter schemas: named schemas that no endpoint refers to but that belong into the document, such as events.
    /// - Throws: ``RouteConflict`` for endpoints that contradict each other or a schema name with two contents.
    public static func document(
        info: Info, endpoints: [Endpoint], schemas: [Schema] = []
    ) throws(RouteConflict) -> JSON {
        try RouteConflict.check(endpoints)
        var components = SchemaSet()
        try components.insert(problemSchema)
        for schema in schemas { try components.insert(schema) }
        var paths: JSONObject = [:]
        for endpoint in endpoints.sorted(by: { $0.path < $1.path }) {
            for schema in endpoint.schemas { try components.insert(schema) }
            var item = paths[endpoint.path]?.object ?? [:]
            guard item[endpoint.method.rawValue.lowercased()] == nil else {
                throw RouteConflict("\(endpoint.method.rawValue) \(endpoint.path) is declared twice.")
            }
            item[endpoint.method.rawValue.lowercased()] = endpoint.operation
            paths[endpoint.path] = .object(item)
        }
        return document(info, paths, components.json)
    }

    static func document(_ info: Info, _ paths: JSONObject, _ schemas: JSONObject) -> JSON {
        let names = Set(paths.values.flatMap { $0.object?.values ?? [] }.flatMap { $0["tags"]?.array ?? [] })
        return [
            "openapi": "3.1.0",
            "info": [
                "title": .string(info.title), "version": .string(info.version),
                "description": .string(info.description),
            ],
            "servers": [["url": "/"]],
            "tags": .array(names.compactMap(\.string).sorted().map { ["name": .string($0)] }),
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas),
                "securitySchemes": [
                    "bearer": [
                        "type": "http", "scheme": "bearer", "description": "An access token or an API key (gx_…).",
                    ]
                ],
            ],
        ]
    }

    /// The problem object of RFC 9457 as every operation answers it.
    public static let problemSchema = Schema(
        "Problem",
        [
            "type": "object",
            "description": "RFC 9457. Program against status and code; see type for the explanation.",
            "required": ["type", "title", "status", "detail", "code", "errors", "requestId"],
            "properties": [
                "type": ["type": "string", "format": "uri-reference"],
                "title": ["type": "string"],
                "status": ["type": "integer", "minimum": 400, "maximum": 599],
                "detail": ["type": "string", "description": "Says what to change."],
                "code": ["type": "string"],
                "errors": [
                    "type": "array",
                    "items": [
                        "type": "object", "required": ["path", "code", "message"],
                        "properties": [
                            "path": ["type": "string"], "code": ["type": "string"], "message": ["type": "string"],
                        ],
                    ],
                ],
                "requestId": ["type": "string"],
            ],
        ])
}

/// Named schemas; a name has one content.
struct SchemaSet {
    private var schemas: [String: JSON] = [:]

    mutating func insert(_ schema: Schema) throws(RouteConflict) {
        if let name = schema.name {
            if let present = schemas[name] {
                guard present == schema.definition else {
                    throw RouteConflict("The schema name \(name) is used for two different schemas.")
                }
            } else {
                schemas[name] = schema.definition
            }
        }
        for used in schema.uses { try insert(used) }
    }

    var json: JSONObject {
        JSONObject(schemas.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
}
