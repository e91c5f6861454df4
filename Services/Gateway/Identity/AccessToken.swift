import Foundation
import HTTP
import JSON
import Security
import Values

/// The gateway's tokens for clients: ES256, ten minutes.
///
/// They say who, not what for: role and permissions are read when a token is first seen and whenever they change.
struct AccessToken: Sendable {
    static let issuer = "gateway"
    static let audience = "guanxi"
    /// RFC 9068.
    static let type = "at+jwt"
    static let lifetime: Int64 = 600

    let tenant: TenantID
    let subject: UUID
    let kind: Principal.Kind
    /// Of a user's log-in; nil for an API key's token.
    let session: UUID?

    func claims(now: Int64) -> JSON {
        var claims: JSONObject = [
            "iss": .string(Self.issuer), "aud": .string(Self.audience), "sub": subject.json, "tenant": tenant.json,
            "kind": .string(kind.rawValue), "iat": .int(now), "exp": .int(now + Self.lifetime),
            // Two tokens of the same second differ.
            "jti": .string(SecureRandom.token(bytes: 12)),
        ]
        if let session { claims["sid"] = session.json }
        return .object(claims)
    }

    init(tenant: TenantID, subject: UUID, kind: Principal.Kind, session: UUID? = nil) {
        (self.tenant, self.subject, self.kind, self.session) = (tenant, subject, kind, session)
    }

    /// Nil for claims that we would not have made.
    init?(_ claims: TokenClaims) {
        guard let subject = UUID(claims.subject), let tenant = claims.text("tenant").flatMap(TenantID.init),
            let kind = claims.text("kind").flatMap(Principal.Kind.init), kind == .user || kind == .apiKey
        else { return nil }
        let session = claims.text("sid").flatMap { UUID($0) }
        guard (kind == .user) == (session != nil) else { return nil }
        self.init(tenant: tenant, subject: subject, kind: kind, session: session)
    }
}
