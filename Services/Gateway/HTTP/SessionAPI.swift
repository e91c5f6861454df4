import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Values

/// Logging in and out, and where one is logged in.
struct SessionAPI: Sendable {
    let sessions: Sessions

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

    private static let tokens = Schema(
        "Tokens",
        [
            "type": "object", "required": ["accessToken", "refreshToken", "expiresIn", "tokenType"],
            "properties": [
                "accessToken": ["type": "string"], "refreshToken": ["type": "string"],
                "expiresIn": ["type": "integer", "description": "Seconds."], "tokenType": ["type": "string"],
            ],
        ])

    private static let list = Schema(
        "Sessions",
        [
            "type": "object", "required": ["items"],
            "properties": [
                "items": [
                    "type": "array",
                    "items": [
                        "type": "object", "required": ["id", "createdAt", "lastUsedAt", "expiresAt", "isCurrent"],
                        "properties": [
                            "id": .uuidSchema, "createdAt": ["type": "string", "format": "date-time"],
                            "lastUsedAt": [
                                "type": "string", "format": "date-time", "description": "When its tokens were renewed.",
                            ],
                            "expiresAt": ["type": "string", "format": "date-time"], "isCurrent": ["type": "boolean"],
                        ],
                    ],
                ]
            ],
        ])

    static func pair(_ status: Int) -> ResponseSpec {
        ResponseSpec(status, "An access token of ten minutes and a refresh token of 30 days.", schema: tokens)
    }

    var endpoints: [Endpoint] { [create, refresh, own, endCurrent, end] }

    private var create: Endpoint {
        Endpoint(
            .post, "/v1/sessions", id: "createSession", summary: "Log in", tags: ["sessions"], permission: .everyone,
            body: .json(Schema(Self.logIn), limit: 8_192), responses: [Self.pair(201)],
            errors: [.invalidCredentials, .validationFailed], lane: .heavy
        ) { call in
            let given = try Self.logIn.validate(create: try await call.json())
            let pair = try await sessions.begin(
                tenant: given.value("tenant") ?? "", login: given.value("user") ?? "",
                password: given.value("password") ?? "", from: call.request.remoteNetwork)
            return .json(pair.json, status: .created).unstored
        }
    }

    private var refresh: Endpoint {
        Endpoint(
            .post, "/v1/sessions/refresh", id: "refreshSession", summary: "Exchange a refresh token for new tokens",
            description: """
                A refresh token works once. Sent again within half a minute it is answered by the same new one, for an \
                answer may be lost; later it ends the session.
                """,
            tags: ["sessions"], permission: .everyone, body: .json(Schema(Self.exchange), limit: 8_192),
            responses: [Self.pair(200)], errors: [.invalidCredentials, .validationFailed]
        ) { call in
            let given = try Self.exchange.validate(create: try await call.json())
            return .json(try await sessions.refresh(given.value("refreshToken") ?? "").json).unstored
        }
    }

    private var own: Endpoint {
        Endpoint(
            .get, "/v1/sessions", id: "listSessions", summary: "Where one is logged in", tags: ["sessions"],
            permission: .anyCaller, responses: [ResponseSpec(200, "The latest first.", schema: Self.list)]
        ) { call in
            let current = AuthenticationMiddleware.identity?.session
            let found = try await sessions.list(of: try call.user, tenant: try call.tenant)
            return .json(["items": .array(found.map { $0.json(current: current) })])
        }
    }

    private var endCurrent: Endpoint {
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
        }
    }

    private var end: Endpoint {
        Endpoint(
            .delete, "/v1/sessions/{id}", id: "endOtherSession", summary: "Log out somewhere else", tags: ["sessions"],
            permission: .anyCaller, parameters: [.path("id", "The session's id.")],
            responses: [ResponseSpec(204, "Ended.")], errors: [.notFound]
        ) { call in
            guard try await sessions.end(try call.id(), of: try call.user, tenant: try call.tenant) else {
                throw Problem(.notFound)
            }
            return .noContent
        }
    }
}
