import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Resources
import Values

/// Logging in and out, and setting passwords.
struct SessionAPI: Sendable {
    let sessions: Sessions
    let resets: PasswordResets

    private static func text(
        _ name: String, _ maximum: Int, zh: String, en: String
    ) -> FieldDefinition { FieldDefinition(name, .string(max: maximum), zh: zh, en: en, .required) }

    private static let logIn = ObjectSchema(
        "SessionCreate",
        [
            text("tenant", 60, zh: "租户", en: "Tenant"), text("user", 200, zh: "用户名", en: "User"),
            text("password", 1_000, zh: "密码", en: "Password"),
        ])
    private static let exchange = ObjectSchema(
        "SessionRefresh", [text("refreshToken", 200, zh: "刷新令牌", en: "Refresh token")])
    private static let newPassword = ObjectSchema(
        "PasswordSet", [text("password", 1_000, zh: "新密码", en: "New password")])

    private static let tokens = Schema(
        "Tokens",
        [
            "type": "object", "required": ["accessToken", "refreshToken", "expiresIn", "tokenType"],
            "properties": [
                "accessToken": ["type": "string"], "refreshToken": ["type": "string"],
                "expiresIn": ["type": "integer", "description": "Seconds."], "tokenType": ["type": "string"],
            ],
        ])

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .post, "/v1/sessions", id: "createSession", summary: "Log in", tags: ["sessions"],
                permission: .everyone,
                body: .json(Self.schema(Self.logIn), limit: 8_192), responses: [Self.pair(201)],
                errors: [.invalidCredentials, .validationFailed], isHeavy: true
            ) { call in
                let given = try Self.logIn.validate(create: try await call.json())
                let pair = try await sessions.begin(
                    tenant: given.value("tenant") ?? "", login: given.value("user") ?? "",
                    password: given.value("password") ?? "")
                return Self.secret(.json(pair.json, status: .created))
            },
            Endpoint(
                .post, "/v1/sessions/refresh", id: "refreshSession", summary: "Exchange a refresh token for new tokens",
                description: "A refresh token works once; used again, it ends the session.", tags: ["sessions"],
                permission: .everyone, body: .json(Self.schema(Self.exchange), limit: 8_192),
                responses: [Self.pair(200)], errors: [.invalidCredentials, .validationFailed]
            ) { call in
                let given = try Self.exchange.validate(create: try await call.json())
                return Self.secret(.json(try await sessions.refresh(given.value("refreshToken") ?? "").json))
            },
            Endpoint(
                .delete, "/v1/sessions/current", id: "endSession", summary: "Log out", tags: ["sessions"],
                permission: .anyCaller, responses: [ResponseSpec(204, "Ended.")], errors: [.conflict]
            ) { call in
                guard let session = AuthenticationMiddleware.identity?.session else {
                    throw Problem(
                        .conflict, .init(en: "An API key has no session; revoke it instead.", zh: "API 密钥没有会话，请撤销密钥。"))
                }
                try await sessions.end(session, tenant: try call.tenant)
                return .noContent
            },
            Endpoint(
                .post, "/v1/users/{id}/password-reset", id: "createPasswordReset",
                summary: "Make a one-time value by which a user sets a password",
                description: "Valid for a day; an earlier one of the user is worthless from then on.", tags: ["users"],
                permission: "users.write", parameters: [.path("id", "The user's id.")],
                responses: [ResponseSpec(201, "The value, shown this once.", schema: Self.reset)], errors: [.notFound]
            ) { call in
                let (text, expires) = try await resets.create(
                    user: try call.id(), by: try call.caller, tenant: try call.tenant)
                return Self.secret(
                    .json(
                        [
                            "token": text.json, "url": "/v1/password-resets/\(text)".json, "expiresAt": expires.json,
                        ], status: .created))
            },
            Endpoint(
                .post, "/v1/password-resets/{token}", id: "setPassword", summary: "Set a password by a one-time value",
                description: "The user's sessions end.", tags: ["sessions"], permission: .everyone,
                parameters: [.path("token", "The one-time value.", schema: ["type": "string"])],
                body: .json(Self.schema(Self.newPassword), limit: 8_192), responses: [ResponseSpec(204, "Set.")],
                errors: [.notFound, .validationFailed], isHeavy: true
            ) { call in
                let given = try Self.newPassword.validate(create: try await call.json())
                let password = given.value("password", as: String.self) ?? ""
                try Passwords.requireStrong(password)
                try await resets.redeem(call.path.string("token"), password: password)
                return .noContent
            },
        ]
    }

    private static let reset = Schema(
        "PasswordReset",
        [
            "type": "object", "required": ["token", "url", "expiresAt"],
            "properties": [
                "token": ["type": "string"], "url": ["type": "string", "format": "uri-reference"],
                "expiresAt": ["type": "string", "format": "date-time"],
            ],
        ])

    private static func schema(_ schema: ObjectSchema) -> Schema { Schema(schema.name, schema.jsonSchema(.create)) }

    private static func pair(_ status: Int) -> ResponseSpec {
        ResponseSpec(status, "An access token of ten minutes and a refresh token of 30 days.", schema: tokens)
    }

    private static func secret(_ response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.headers["Cache-Control"] = "no-store"
        return response
    }
}
