import Contracts
import Foundation
import HTTP
import JSON
import Security
import Values

/// How a principal travels between our processes: in an ES256 token of 60 seconds in the header `Guanxi-Identity`.
///
/// The gateway signs tokens for users, API keys and operators; a service may sign tokens that name itself, for what
/// it does on its own (a conversion that goes on after its request). Each verifies by the other's published keys, so
/// none can speak in another's name.
public enum IdentityToken {
    public static let header = "Guanxi-Identity"
    public static let audience = "guanxi-internal"
    public static let type = "guanxi-identity+jwt"
    /// Seconds from minting to expiry.
    public static let lifetime: Int64 = 60

    static func claims(for principal: Principal, issuer: String, now: Int64) -> JSON {
        var claims: JSONObject = [
            "iss": .string(issuer), "aud": .string(audience), "sub": .string(principal.subject), "iat": .int(now),
            "exp": .int(now + lifetime), "kind": .string(principal.kind.rawValue), "role": .string(principal.role),
            "visibility": .string(principal.visibility.rawValue),
        ]
        // All of a role's permissions are named by the role: their names are most of a token, which every request carries
        // and every service reads.
        if principal.permissions != permissions(ofRole: principal.role) {
            claims["permissions"] = .string(principal.permissions.map(\.name).sorted().joined(separator: " "))
        }
        if let tenant = principal.tenant { claims["tenant"] = tenant.json }
        if let language = principal.language { claims["language"] = .string(language.rawValue) }
        if !principal.teamIDs.isEmpty {
            // 22 characters for each team instead of 39: a head of a large subtree must fit the header.
            let bytes = principal.teamIDs.flatMap { id in withUnsafeBytes(of: id.uuid) { [UInt8]($0) } }
            claims["teams"] = .string(Base64URL.encode(bytes))
        }
        return .object(claims)
    }

    /// Nil when the claims describe no principal that `issuer` may speak for.
    static func principal(_ claims: TokenClaims) -> Principal? {
        guard let kind = claims.text("kind").flatMap(Principal.Kind.init), let role = claims.text("role"),
            let visibility = claims.text("visibility").flatMap(Principal.Visibility.init),
            let permissions = permissions(claims.text("permissions"), of: role),
            let teams = teams(claims.text("teams")),
            kind == .service ? claims.subject == claims.issuer : claims.issuer == "gateway"
        else { return nil }
        var tenant: TenantID?
        if let text = claims.text("tenant") {
            guard let named = TenantID(text) else { return nil }
            tenant = named
        }
        return Principal(
            tenant: tenant, subject: claims.subject, kind: kind, role: role,
            permissions: permissions, visibility: visibility, teamIDs: teams,
            language: claims.text("language").flatMap(Language.init))
    }

    private static func permissions(_ text: String?, of role: String) -> Set<Permission>? {
        guard let text else { return permissions(ofRole: role) }
        return Set(text.split(separator: " ").map { Permission(String($0)) })
    }

    private static func permissions(ofRole name: String) -> Set<Permission>? {
        Role(rawValue: name).map { role in Set(PermissionMatrix.permissions(of: role).map { Permission($0) }) }
    }

    private static func teams(_ text: String?) -> [UUID]? {
        guard let text else { return [] }
        guard let bytes = Base64URL.decode(text), bytes.count % 16 == 0 else { return nil }
        return stride(from: 0, to: bytes.count, by: 16).map { start in
            UUID(
                uuid: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start, as: uuid_t.self) })
        }
    }
}
