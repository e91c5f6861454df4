import Contracts
import Entities
import HTTP
import JSON
import Resources
import Tenancy
import Values

/// Who am I, what do I say of myself, and what may which role.
struct ProfileAPI: Sendable {
    let users: Resource<User>
    let directory: TenantDirectory

    private static let me = Schema(
        "Me",
        [
            "type": "object",
            "required": ["id", "kind", "role", "permissions", "visibility", "teamIds", "tenant", "user"],
            "properties": [
                "id": ["type": "string"], "kind": ["type": "string", "enum": ["user", "apiKey", "operator"]],
                "role": ["type": "string"], "permissions": ["type": "array", "items": ["type": "string"]],
                "visibility": ["type": "string", "enum": ["own", "team", "subtree", "all"]],
                "teamIds": ["type": "array", "items": .uuidSchema], "tenant": ["type": ["object", "null"]],
                "user": ["type": ["object", "null"]],
            ],
        ])

    /// What everybody says of himself.
    private static let own = ObjectSchema(
        "MePatch", User.catalogue.schema.fields.filter { ["language", "email", "phone"].contains($0.name) })

    private static let roles = Schema(
        "Roles",
        [
            "type": "object", "required": ["items"],
            "properties": [
                "items": [
                    "type": "array",
                    "items": [
                        "type": "object", "required": ["role", "zh", "en", "visibility", "permissions"],
                        "properties": [
                            "role": FieldDefinition("role", .choice(of: Role.self), zh: "角色", en: "Role", .required)
                                .jsonSchema(.object),
                            "zh": ["type": "string", "description": "The role's name in Chinese."],
                            "en": ["type": "string", "description": "The role's name in English."],
                            "visibility": ["type": "string", "enum": ["own", "team", "subtree", "all"]],
                            "permissions": ["type": "array", "items": ["type": "string"]],
                        ],
                    ],
                ]
            ],
        ])

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .get, "/v1/me", id: "getMe", summary: "Who the caller is and what he may", tags: ["sessions"],
                permission: .anyCaller, responses: [ResponseSpec(200, "The caller.", schema: Self.me)], handle: me),
            Endpoint(
                .patch, "/v1/me", id: "updateMe", summary: "Change one's own language, e-mail or phone",
                description: "A merge patch (RFC 7396). What else a user is, an administrator says.",
                tags: ["sessions"], permission: .anyCaller, parameters: [.ifMatch],
                body: .mergePatch(Schema("MePatch", Self.own.jsonSchema(.patch))), responses: [users.shown()],
                errors: [.versionMismatch, .validationFailed]
            ) { call in
                let user = try call.user
                let (body, context) = try await call.write()
                _ = try Self.own.validate(patch: body)
                return try await users.patch(user.lowercased, body, context)
            },
            Endpoint(
                .get, "/v1/roles", id: "listRoles", summary: "The permission matrix", tags: ["users"],
                permission: .anyCaller, responses: [ResponseSpec(200, "Each role.", schema: Self.roles)]
            ) { _ in
                let items = Role.allCases.map { role -> JSON in
                    [
                        "role": role.rawValue.json, "zh": role.labels.zh.json, "en": role.labels.en.json,
                        "visibility": role.visibility.rawValue.json,
                        "permissions": PermissionMatrix.permissions(of: role).sorted().json,
                    ]
                }
                return .json(["items": .array(items)])
            },
        ]
    }

    private func me(_ call: Call) async throws -> HTTPResponse {
        let caller = try call.caller
        var tenant: JSON = .null
        var user: JSON = .null
        if let id = caller.tenant {
            let known = try await directory.active(id)
            tenant = [
                "id": id.json, "slug": known.slug.json, "name": known.name.json, "timeZone": known.timeZone.json,
                "currency": known.currency.json,
            ]
            if caller.kind == .user, let subject = caller.subjectID,
                let record = try await users.find(subject, tenant: id)
            {
                user = users.entity.encode(record)
            }
        }
        return .json([
            "id": caller.subject.json, "kind": caller.kind.rawValue.json, "role": caller.role.json,
            "permissions": caller.permissions.map(\.name).sorted().json, "visibility": caller.visibility.rawValue.json,
            "teamIds": caller.teamIDs.json, "tenant": tenant, "user": user,
        ])
    }
}
