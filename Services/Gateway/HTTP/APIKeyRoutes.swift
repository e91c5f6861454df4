import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Resources
import Values

/// API keys of a tenant, for its administrators.
struct APIKeyRoutes: Sendable {
    let apiKeys: APIKeys

    private static let body = ObjectSchema(
        "APIKeyCreate",
        [
            FieldDefinition("name", .string(max: 100), zh: "名称", en: "Name", .required),
            FieldDefinition("role", .choice(of: Role.self), zh: "角色", en: "Role", .required),
            FieldDefinition("scopes", .list(.string(max: 60), max: 100), zh: "权限范围", en: "Scopes"),
            FieldDefinition("expiresAt", .timestamp, zh: "到期时间", en: "Expires at"),
        ])

    static let createSchema = Schema("APIKeyCreate", body.jsonSchema(.create))
    private static let properties: JSONObject = [
        "id": ["type": "string", "format": "uuid"], "name": ["type": "string"], "role": ["type": "string"],
        "scopes": ["type": "array", "items": ["type": "string"]], "createdBy": ["type": "string"],
        "createdAt": ["type": "string", "format": "date-time"], "expiresAt": ["type": ["string", "null"]],
        "revokedAt": ["type": ["string", "null"]],
    ]
    static let key = Schema("APIKey", ["type": "object", "properties": .object(properties)])
    static let keyOnce: Schema = {
        var properties = APIKeyRoutes.properties
        properties["key"] = ["type": "string"]
        return Schema("APIKeyOnce", ["type": "object", "required": ["id", "key"], "properties": .object(properties)])
    }()

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .post, "/v1/api-keys", id: "createAPIKey", summary: "Create an API key",
                description: "The key is answered once and never again.", tags: ["api-keys"],
                permission: "api-keys.write", body: .json(Self.createSchema),
                responses: [ResponseSpec(201, "The key.", schema: Self.keyOnce)], errors: [.validationFailed]
            ) { call in try await Self.create(call, tenant: try call.tenant, apiKeys) },
            Endpoint(
                .get, "/v1/api-keys", id: "listAPIKeys", summary: "List the API keys", tags: ["api-keys"],
                permission: "api-keys.read",
                parameters: [
                    .query("limit", "Keys per page.", 1...500, default: 50),
                    .query("cursor", "nextCursor of the page before."),
                ],
                responses: [ResponseSpec(200, "A page.", schema: Self.key.page("APIKeyPage"))]
            ) { call in
                let limit = try call.query.int("limit", 1...500, default: 50)
                let found = try await apiKeys.list(
                    try call.tenant, after: try call.query.uuid("cursor"), limit: limit + 1)
                let page = found.prefix(limit)
                let next = found.count > limit ? page.last?.id : nil
                return .json(["items": .array(page.map(\.json)), "nextCursor": next.json])
            },
            Endpoint(
                .delete, "/v1/api-keys/{id}", id: "revokeAPIKey", summary: "Revoke an API key",
                description: "Effective within a second everywhere.", tags: ["api-keys"],
                permission: "api-keys.delete", parameters: [.path("id", "The key's id.")],
                responses: [ResponseSpec(204, "Nobody believes it any more.")], errors: [.notFound]
            ) { call in
                try await apiKeys.revoke(try call.id(), tenant: try call.tenant)
                return .noContent
            },
        ]
    }

    static func create(_ call: Call, tenant: TenantID, _ keys: APIKeys) async throws -> HTTPResponse {
        let given = try body.validate(create: try await call.json())
        let scopes = given.value("scopes", as: [String].self) ?? []
        if let unknown = scopes.first(where: { !PermissionMatrix.all.contains($0) }) {
            throw FieldIssue(
                "/scopes", "unknown", "There is no permission \(unknown.prefix(60)); GET /v1/roles lists them.",
                zh: "没有权限 \(unknown.prefix(60))，请通过 GET /v1/roles 查看。")
        }
        let (key, text) = try await keys.create(
            given.value("name") ?? "", role: given.value("role") ?? .sales, scopes: scopes,
            expiresAt: given.value("expiresAt"), by: try call.caller, tenant: tenant)
        var answer = key.json.object ?? [:]
        answer["key"] = text.json
        return .created(.object(answer), at: "/v1/api-keys/\(key.id.lowercased)")
    }
}
