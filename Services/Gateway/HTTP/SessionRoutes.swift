import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Resources
import Security
import Values

/// Getting in: sessions, passwords, tokens for keys, and who one is.
struct SessionRoutes: Sendable {
    let sessions: Sessions
    let resets: PasswordResets
    let keys: SigningKeys

    private static func text(_ name: String, max: Int = 300) -> FieldDefinition {
        FieldDefinition(name, .string(max: max), zh: name, en: name, .required)
    }

    private static let login = ObjectSchema("SessionCreate", [text("tenant"), text("user"), text("password")])
    private static let refresh = ObjectSchema("SessionRefresh", [text("refreshToken")])
    private static let password = ObjectSchema("PasswordSet", [text("password")])
    private static let tokens = Schema(
        "Tokens",
        [
            "type": "object", "required": ["accessToken", "refreshToken", "expiresIn", "tokenType"],
            "properties": [
                "accessToken": ["type": "string"], "refreshToken": ["type": "string"],
                "expiresIn": ["type": "integer"], "tokenType": ["type": "string"],
            ],
        ])

    var endpoints: [Endpoint] {
        [begin, goOn, end, makeReset, redeemReset, token, me, roles]
    }

    private var begin: Endpoint {
        Endpoint(
            .post, "/v1/sessions", id: "createSession", summary: "Log in", tags: ["sessions"], permission: .everyone,
            body: .json(Schema(Self.login.name, Self.login.jsonSchema(.create))),
            responses: [ResponseSpec(201, "Tokens.", schema: Self.tokens)], errors: [.validationFailed, .rateLimited]
        ) { call in
            let given = try Self.login.validate(create: try await call.json())
            let pair = try await sessions.begin(
                tenant: given.value("tenant") ?? "", login: given.value("user") ?? "",
                password: given.value("password") ?? "")
            return .json(pair.json, status: .created, headers: ["Cache-Control": "no-store"])
        }
    }

    private var goOn: Endpoint {
        Endpoint(
            .post, "/v1/sessions/refresh", id: "refreshSession", summary: "Exchange a refresh token for new tokens",
            tags: ["sessions"], permission: .everyone,
            body: .json(Schema(Self.refresh.name, Self.refresh.jsonSchema(.create))),
            responses: [ResponseSpec(200, "New tokens.", schema: Self.tokens)], errors: [.validationFailed]
        ) { call in
            let given = try Self.refresh.validate(create: try await call.json())
            return .json(
                try await sessions.refresh(given.value("refreshToken") ?? "").json,
                headers: ["Cache-Control": "no-store"])
        }
    }

    private var end: Endpoint {
        Endpoint(
            .delete, "/v1/sessions/current", id: "endSession", summary: "Log out", tags: ["sessions"],
            permission: .anyCaller, responses: [ResponseSpec(204, "The session has ended.")]
        ) { call in
            if let session = AuthenticationMiddleware.identity?.session {
                try await sessions.end(session, tenant: try call.tenant)
            }
            return .noContent
        }
    }

    private var makeReset: Endpoint {
        Endpoint(
            .post, "/v1/users/{id}/password-reset", id: "createPasswordReset",
            summary: "Make a one-time value by which a user sets a password", tags: ["users"],
            permission: "users.write", parameters: [.path("id", "The user's id.")],
            responses: [
                ResponseSpec(
                    201, "The value, answered once.",
                    schema: Schema("PasswordReset", ["type": "object", "required": ["token", "url", "expiresAt"]]))
            ], errors: [.notFound]
        ) { call in
            let (text, expires) = try await resets.create(
                user: try call.id(), by: try call.caller, tenant: try call.tenant)
            let url = "/v1/password-resets/\(text)"
            return .json(["token": text.json, "url": url.json, "expiresAt": expires.json], status: .created)
        }
    }

    private var redeemReset: Endpoint {
        Endpoint(
            .post, "/v1/password-resets/{token}", id: "redeemPasswordReset", summary: "Set a password",
            tags: ["users"], permission: .everyone,
            parameters: [.path("token", "The one-time value.", schema: ["type": "string"])],
            body: .json(Schema(Self.password.name, Self.password.jsonSchema(.create))),
            responses: [ResponseSpec(204, "The password is set; older sessions have ended.")],
            errors: [.notFound, .validationFailed]
        ) { call in
            let given = try Self.password.validate(create: try await call.json())
            let password = given.value("password", as: String.self) ?? ""
            try Passwords.requireStrong(password)
            try await resets.redeem(call.path.string("token"), password: password)
            return .noContent
        }
    }

    /// OAuth 2's client-credentials grant for an API key.
    private var token: Endpoint {
        Endpoint(
            .post, "/v1/token", id: "createToken", summary: "Exchange an API key for an access token",
            description: "The client-credentials grant; the key is the bearer.", tags: ["sessions"],
            permission: .anyCaller,
            responses: [
                ResponseSpec(
                    200, "The token.",
                    schema: Schema(
                        "Token", ["type": "object", "required": ["access_token", "token_type", "expires_in"]]))
            ], errors: [.forbidden]
        ) { call in
            let caller = try call.caller
            guard caller.kind == .apiKey, let tenant = caller.tenant, let id = caller.subjectID else {
                throw Problem(.forbidden)
            }
            let claims = AccessToken(tenant: tenant, subject: id, kind: .apiKey)
                .claims(now: Timestamp.now().microseconds / 1_000_000)
            return .json(
                [
                    "access_token": try keys.signer.sign(claims).json, "token_type": "Bearer",
                    "expires_in": .int(AccessToken.lifetime),
                ], headers: ["Cache-Control": "no-store"])
        }
    }

    private var me: Endpoint {
        Endpoint(
            .get, "/v1/me", id: "getMe", summary: "Who the caller is and may", tags: ["sessions"],
            permission: .anyCaller,
            responses: [ResponseSpec(200, "The caller.", schema: Schema("Me", ["type": "object"]))]
        ) { call in
            let caller = try call.caller
            return .json([
                "id": caller.subject.json, "kind": caller.kind.rawValue.json, "role": caller.role.json,
                "tenant": caller.tenant.json, "visibility": caller.visibility.rawValue.json,
                "teamIds": caller.teamIDs.json, "permissions": caller.permissions.map(\.name).sorted().json,
            ])
        }
    }

    private var roles: Endpoint {
        Endpoint(
            .get, "/v1/roles", id: "listRoles", summary: "The permission matrix", tags: ["sessions"],
            permission: .anyCaller,
            responses: [
                ResponseSpec(200, "Each role with its permissions.", schema: Schema("Roles", ["type": "object"]))
            ]
        ) { _ in
            .json([
                "items": .array(
                    Role.allCases.map { role in
                        [
                            "role": role.rawValue.json, "zh": role.labels.zh.json, "en": role.labels.en.json,
                            "visibility": PermissionMatrix.scope(of: role).rawValue.json,
                            "permissions": PermissionMatrix.permissions(of: role).sorted().json,
                        ]
                    })
            ])
        }
    }
}
