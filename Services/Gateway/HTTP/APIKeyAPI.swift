import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Resources
import Values

/// `/v1/api-keys`: the keys of machines.
struct APIKeyAPI: Sendable {
    let keys: APIKeys

    static let fields = ObjectSchema(
        "ApiKey",
        [
            FieldDefinition("name", .string(max: 100), zh: "名称", en: "Name", .required, help: "Where the key is used."),
            FieldDefinition("role", .choice(of: Role.self), zh: "角色", en: "Role", .required),
            FieldDefinition(
                "scopes", .list(.string(max: 60), max: 200), zh: "权限范围", en: "Scopes",
                help: "Permissions that narrow the role; none leave it as it is."),
            FieldDefinition("expiresAt", .timestamp, zh: "失效时间", en: "Expires at", help: "Null: never."),
        ])

    private static let properties: JSONObject = [
        "id": .uuidSchema, "name": ["type": "string"], "role": ["type": "string"],
        "scopes": ["type": "array", "items": ["type": "string"]], "createdBy": ["type": "string"],
        "createdAt": ["type": "string", "format": "date-time"],
        "expiresAt": ["type": ["string", "null"], "format": "date-time"],
        "revokedAt": ["type": ["string", "null"], "format": "date-time"],
    ]
    static let schema = Schema(
        "ApiKey", ["type": "object", "properties": .object(properties), "required": properties.names.json])

    private static var secretSchema: Schema {
        var all = properties
        all["key"] = ["type": "string", "description": "The key itself: shown this once."]
        return Schema("ApiKeyWithSecret", ["type": "object", "properties": .object(all), "required": all.names.json])
    }

    var endpoints: [Endpoint] {
        [
            Self.create("/v1/api-keys", id: "createApiKey", permission: "api-keys.write", keys: keys) { try $0.tenant },
            Endpoint(
                .get, "/v1/api-keys", id: "listApiKeys", summary: "List API keys, revoked ones too", tags: ["api-keys"],
                permission: "api-keys.read",
                parameters: [
                    .query("limit", "Keys per page.", 1...500, default: 100),
                    .query("cursor", "nextCursor of the page before."),
                ], responses: [ResponseSpec(200, "A page.", schema: Self.schema.page("ApiKeyPage"))]
            ) { call in
                let limit = try call.query.int("limit", 1...500, default: 100)
                let after = try call.query.string("cursor").flatMap { UUID(try PageCursor.read($0)) }
                let found = try await keys.list(try call.tenant, after: after, limit: limit + 1)
                return .json(PageCursor.page(found, limit: limit, json: \.json, key: \.id.lowercased))
            },
            Endpoint(
                .get, "/v1/api-keys/{id}", id: "getApiKey", summary: "Read an API key without its secret",
                tags: ["api-keys"], permission: "api-keys.read", parameters: [.path("id", "The key's id.")],
                responses: [ResponseSpec(200, "The key.", schema: Self.schema)], errors: [.notFound]
            ) { call in .json(try await keys.find(try call.id(), tenant: try call.tenant).json) },
            Endpoint(
                .delete, "/v1/api-keys/{id}", id: "revokeApiKey", summary: "Revoke an API key",
                description: "It is refused everywhere within a second, for ever.", tags: ["api-keys"],
                permission: "api-keys.delete", parameters: [.path("id", "The key's id.")],
                responses: [ResponseSpec(204, "Revoked.")], errors: [.notFound]
            ) { call in
                try await keys.revoke(try call.id(), tenant: try call.tenant)
                return .noContent
            },
        ]
    }

    /// Making a key, by the tenant's own administrators or by operators.
    static func create(
        _ path: String, id: String, permission: Permission, keys: APIKeys, parameters: [Parameter] = [],
        tenant: @escaping @Sendable (Call) async throws -> TenantID
    ) -> Endpoint {
        Endpoint(
            .post, path, id: id, summary: "Make an API key", description: "The answer shows the key this once.",
            tags: ["api-keys"], permission: permission, parameters: parameters,
            body: .json(Schema("ApiKeyCreate", fields.jsonSchema(.create))),
            responses: [ResponseSpec(201, "Made.", schema: secretSchema)], errors: [.validationFailed, .notFound]
        ) { call in
            let given = try fields.validate(create: try await call.json())
            guard let role = given.value("role", as: String.self).flatMap(Role.init) else {
                throw Problem(.validationFailed)
            }
            let scopes: [String] = given.value("scopes") ?? []
            let expires: Timestamp? = given.value("expiresAt")
            try check(role, scopes, expires, by: try call.caller)
            let (key, text) = try await keys.create(
                given.value("name") ?? "", role: role, scopes: scopes, expiresAt: expires, by: try call.caller,
                tenant: try await tenant(call))
            var answer = key.json
            answer["key"] = .string(text)
            var response = HTTPResponse.created(answer, at: "/v1/api-keys/\(key.id.lowercased)")
            response.headers["Cache-Control"] = "no-store"
            return response
        }
    }

    /// Nobody gives a key more than he may himself.
    private static func check(
        _ role: Role, _ scopes: [String], _ expires: Timestamp?, by caller: Principal
    ) throws(Problem) {
        var errors: [FieldError] = []
        for (index, scope) in scopes.enumerated() where !PermissionMatrix.all.contains(scope) {
            errors.append(
                FieldError(
                    "/scopes/\(index)", code: "choice",
                    .init(en: "There is no such permission; see GET /v1/roles.", zh: "不存在该权限，请参见 GET /v1/roles。")))
        }
        if let expires, expires <= .now() {
            errors.append(
                FieldError("/expiresAt", code: "range", .init(en: "Write a time to come.", zh: "须为将来的时间。")))
        }
        guard errors.isEmpty else { throw .validation(errors) }
        let wanted = Accounts.permissions(of: role, scopes: scopes)
        guard caller.kind == .operator || wanted.isSubset(of: caller.permissions) else {
            throw Problem(
                .forbidden,
                .init(en: "A key cannot be given more than you may yourself.", zh: "密钥的权限不能超出您本人的权限。"))
        }
    }
}
