import Foundation
import HTTP
import JSON
import Security
import Values

/// `POST /v1/token`: the OAuth 2 client-credentials grant (RFC 6749 §4.4) for an API key.
struct TokenAPI: Sendable {
    let accounts: Accounts
    let keys: SigningKeys

    private static let schema = Schema(
        "TokenRequest",
        [
            "type": "object", "required": ["grant_type"],
            "properties": [
                "grant_type": ["type": "string", "enum": ["client_credentials"]],
                "client_id": ["type": "string", "description": "The key's id; may be left out."],
                "client_secret": ["type": "string", "description": "The key itself (gx_…)."],
            ],
        ])

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .post, "/v1/token", id: "createToken", summary: "Exchange an API key for an access token",
                description:
                    "OAuth 2 client credentials; the key may also come as HTTP Basic's password or as the bearer.",
                tags: ["sessions"],
                permission: .everyone,
                body: RequestBody(
                    mediaTypes: ["application/x-www-form-urlencoded"], schema: Self.schema, limit: 4_096,
                    required: false),
                responses: [
                    ResponseSpec(
                        200, "The token.",
                        schema: Schema(
                            "Token",
                            [
                                "type": "object", "required": ["access_token", "token_type", "expires_in"],
                                "properties": [
                                    "access_token": ["type": "string"], "token_type": ["type": "string"],
                                    "expires_in": ["type": "integer"],
                                ],
                            ]))
                ], errors: [.invalidCredentials], handle: respond)
        ]
    }

    private func respond(_ call: Call) async throws -> HTTPResponse {
        let form = try Query(parsing: String(decoding: try await call.bytes(), as: UTF8.self))
        guard try form.string("grant_type") == "client_credentials" else {
            throw Problem(
                .malformedRequest,
                .init(en: "Send grant_type=client_credentials.", zh: "请发送 grant_type=client_credentials。"),
                extras: ["error": "unsupported_grant_type"])
        }
        let secret = try Self.authorization(call.request) ?? form.string("client_secret") ?? ""
        let now = Timestamp.now().microseconds / 1_000_000
        guard let credential = Credential(secret, kind: .apiKey), try Self.names(credential, form),
            let identity = try await accounts.apiKey(credential, now: now), let tenant = identity.principal.tenant
        else { throw Problem(.invalidCredentials, extras: ["error": "invalid_client"]) }
        let token = try keys.signer.sign(
            AccessToken(tenant: tenant, subject: credential.id, kind: .apiKey).claims(now: now))
        return .json(
            ["access_token": token.json, "token_type": "Bearer", "expires_in": .int(AccessToken.lifetime)],
            headers: ["Cache-Control": "no-store"])
    }

    /// Whoever says which key it is must say so truly.
    private static func names(_ credential: Credential, _ form: Query) throws(Problem) -> Bool {
        guard let claimed = try form.string("client_id"), !claimed.isEmpty else { return true }
        return UUID(claimed) == credential.id || claimed == Credential.text(of: credential.id)
    }

    /// The key in the header: as HTTP Basic's password, or as the bearer itself.
    private static func authorization(_ request: HTTPRequest) -> String? {
        let parts = (request.headers["Authorization"] ?? "").split(separator: " ")
        guard parts.count == 2 else { return nil }
        switch parts[0].lowercased() {
        case "bearer": return String(parts[1])
        case "basic":
            guard let bytes = Data(base64Encoded: String(parts[1])) else { return nil }
            return String(decoding: bytes, as: UTF8.self).split(separator: ":", maxSplits: 1).last.map(String.init)
        default: return nil
        }
    }
}
