import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Values

/// Setting passwords: by a one-time value, and one's own.
struct PasswordAPI: Sendable {
    let sessions: Sessions
    let resets: PasswordResets

    private static let password = FieldDefinition(
        "password", .string(max: 1_000), zh: "新密码", en: "New password", .required)
    private static let setting = ObjectSchema("PasswordSet", [password])
    private static let redemption = ObjectSchema(
        "PasswordRedemption",
        [FieldDefinition("token", .string(max: 200), zh: "一次性口令", en: "One-time value", .required), password])
    private static let change = ObjectSchema(
        "PasswordChange",
        [
            FieldDefinition("currentPassword", .string(max: 1_000), zh: "当前密码", en: "Current password", .required),
            password,
        ])

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .post, "/v1/users/{id}/password-reset", id: "createPasswordReset",
                summary: "Make a one-time value by which a user sets a password",
                description: """
                    Valid for a day; an earlier one of the user is worthless from then on. Send the user `page`: it \
                    takes the value from behind its #, which browsers send to no server.
                    """,
                tags: ["users"], permission: "users.write", parameters: [.path("id", "The user's id.")],
                responses: [ResponseSpec(201, "The value, shown this once.", schema: Self.reset)], errors: [.notFound]
            ) { call in
                let (text, expires) = try await resets.create(
                    user: try call.id(), by: try call.caller, tenant: try call.tenant)
                let answer: JSON = [
                    "token": text.json, "page": "/password-reset#\(text)".json,
                    "url": "/v1/password-resets/\(text)".json, "expiresAt": expires.json,
                ]
                return .json(answer, status: .created).unstored
            },
            Endpoint(
                .post, "/v1/password-resets", id: "redeemPasswordReset",
                summary: "Set a password by a one-time value", description: "The user's sessions end.",
                tags: ["sessions"], permission: .everyone, body: .json(Schema(Self.redemption), limit: 8_192),
                responses: [ResponseSpec(204, "Set.")], errors: [.notFound, .validationFailed], lane: .heavy
            ) { call in
                let given = try Self.redemption.validate(create: try await call.json())
                return try await redeem(given.value("token") ?? "", given)
            },
            Endpoint(
                .post, "/v1/password-resets/{token}", id: "setPassword",
                summary: "Set a password by a one-time value in the address",
                description: "Kept for who knows it: servers on the way may write addresses down.",
                tags: ["sessions"], permission: .everyone,
                parameters: [
                    .path("token", "The one-time value.", schema: ["type": "string"], isSecret: true)
                ],
                body: .json(Schema(Self.setting), limit: 8_192), responses: [ResponseSpec(204, "Set.")],
                errors: [.notFound, .validationFailed], lane: .heavy
            ) { call in
                let given = try Self.setting.validate(create: try await call.json())
                return try await redeem(call.path.string("token"), given)
            },
            Endpoint(
                .post, "/v1/me/password", id: "changePassword", summary: "Change one's own password",
                description: "All sessions end, this one too; the answer is a new one.", tags: ["sessions"],
                permission: .anyCaller, body: .json(Schema(Self.change), limit: 8_192),
                responses: [SessionAPI.pair(201)],
                errors: [.validationFailed, .invalidCredentials], lane: .heavy
            ) { call in
                let given = try Self.change.validate(create: try await call.json())
                let password = given.value("password", as: String.self) ?? ""
                try Passwords.requireStrong(password)
                let pair = try await sessions.changePassword(
                    of: try call.user, from: given.value("currentPassword") ?? "", to: password, resets: resets,
                    tenant: try call.tenant, network: call.request.remoteNetwork)
                return .json(pair.json, status: .created).unstored
            },
        ]
    }

    private func redeem(_ token: String, _ given: FieldChanges) async throws -> HTTPResponse {
        let password = given.value("password", as: String.self) ?? ""
        try Passwords.requireStrong(password)
        try await resets.redeem(token, password: password)
        return .noContent
    }

    private static let reset = Schema(
        "PasswordReset",
        [
            "type": "object", "required": ["token", "page", "url", "expiresAt"],
            "properties": [
                "token": ["type": "string"],
                "page": ["type": "string", "format": "uri-reference", "description": "For the user's browser."],
                "url": [
                    "type": "string", "format": "uri-reference", "description": "For programs that know no other.",
                ],
                "expiresAt": ["type": "string", "format": "date-time"],
            ],
        ])
}

extension Schema {
    /// What a body that creates something looks like.
    init(_ schema: ObjectSchema) { self.init(schema.name, schema.jsonSchema(.create)) }
}

extension HTTPResponse {
    /// The same for nobody to keep.
    var unstored: HTTPResponse {
        var response = self
        response.headers["Cache-Control"] = "no-store"
        return response
    }
}

extension Call {
    /// The id of the person who calls.
    /// - Throws: 403 for machines and operators.
    var user: UUID {
        get throws(Problem) {
            guard let caller = principal, caller.kind == .user, let id = caller.subjectID else {
                throw Problem(.forbidden, .init(en: "Only a person has this.", zh: "仅限用户本人使用。"))
            }
            return id
        }
    }
}
