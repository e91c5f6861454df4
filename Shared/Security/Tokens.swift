import JSON
import Values

/// The claims of a token whose signature and claims were checked.
public struct TokenClaims: Sendable {
    public let issuer: String
    public let subject: String
    public let audience: [String]
    /// Seconds since 1970.
    public let expires: Int64
    public let keyID: String
    /// Everything the token says, for claims of one's own.
    public let json: JSON

    /// A text claim; nil when absent or of another type.
    public func text(_ name: String) -> String? { json.text(name) }
}

/// Signs claims as a compact JWS.
public struct TokenSigner: Sendable {
    public let key: SigningKey
    /// The header's `typ`, by which tokens for different purposes cannot be taken for each other (RFC 8725 §3.11).
    public let type: String

    public init(key: SigningKey, type: String = "JWT") { (self.key, self.type) = (key, type) }

    public func sign(_ claims: JSON) throws(SecurityError) -> String {
        try key.handle.sign(
            claims.serialize(), header: [("alg", SignatureAlgorithm.es256.rawValue), ("kid", key.id), ("typ", type)])
    }
}

/// What a token must satisfy. The header is checked before any cryptography, the claims after it (RFC 8725).
public struct TokenVerifier: Sendable {
    public let issuer: String
    public let audience: String
    public let type: String?
    public let algorithms: Set<SignatureAlgorithm>
    /// Seconds by which clocks may differ.
    public let leeway: Int64

    /// - Parameter type: the `typ` to insist on; nil takes any, as tokens of foreign issuers need.
    public init(
        issuer: String, audience: String, type: String? = "JWT", algorithms: Set<SignatureAlgorithm> = [.es256],
        leeway: Int64 = 5
    ) {
        (self.issuer, self.audience, self.type) = (issuer, audience, type)
        (self.algorithms, self.leeway) = (algorithms, leeway)
    }

    /// The longest token that is looked at.
    public static let maximumLength = 8_192

    /// The id of the key that a token names, without verifying anything: to decide whether keys must be fetched.
    public static func keyID(of token: String) -> String? { try? header(of: token).text("kid") }

    /// The issuer that a token names, without verifying anything: to decide whose keys must be fetched.
    public static func issuer(of token: String) -> String? {
        guard (try? header(of: token)) != nil else { return nil }
        let payload = token.split(separator: ".")[1]
        return Base64URL.decode(payload).flatMap { try? JSON.parse($0) }?.text("iss")
    }

    /// Verifies a token.
    /// - Parameter now: seconds since 1970.
    public func verify(_ token: String, keys: KeySet, now: Int64) throws(TokenError) -> TokenClaims {
        let header = try Self.header(of: token)
        guard let algorithm = header.text("alg").flatMap(SignatureAlgorithm.init), algorithms.contains(algorithm) else {
            throw .algorithmNotAllowed
        }
        // Extensions that must be understood are not.
        guard header["crit"] == nil, let id = header.text("kid") else { throw .malformed }
        if let type, header.text("typ") != type { throw .wrongType }
        guard let key = keys[id] else { throw .unknownKey(id: id) }
        guard key.algorithm == algorithm else { throw .algorithmNotAllowed }
        guard let payload = key.handle.verifiedPayload(of: token) else { throw .badSignature }
        guard let claims = try? JSON.parse(payload), case .object = claims else { throw .malformed }
        return try check(claims, keyID: id, now: now)
    }

    private func check(_ claims: JSON, keyID: String, now: Int64) throws(TokenError) -> TokenClaims {
        guard let issuer = claims.text("iss") else { throw .missingClaim("iss") }
        guard issuer == self.issuer else { throw .wrongIssuer }
        guard let subject = claims.text("sub"), !subject.isEmpty else { throw .missingClaim("sub") }
        let audience = Self.audience(of: claims)
        guard audience.contains(self.audience) else { throw .wrongAudience }
        guard let expires = Self.seconds(claims["exp"]) else { throw .missingClaim("exp") }
        guard now < expires.addingReportingOverflow(leeway).partialValue else { throw .expired }
        if let member = claims["nbf"] {
            guard let notBefore = Self.seconds(member) else { throw .missingClaim("nbf") }
            guard notBefore <= now + leeway else { throw .notYetValid }
        }
        return TokenClaims(
            issuer: issuer, subject: subject, audience: audience, expires: expires, keyID: keyID, json: claims)
    }

    /// The header of something that looks like a compact JWS in every part.
    private static func header(of token: String) throws(TokenError) -> JSON {
        guard token.utf8.count <= maximumLength else { throw .malformed }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[1].isEmpty, let bytes = Base64URL.decode(parts[0]),
            Base64URL.decode(parts[1]) != nil,
            Base64URL.decode(parts[2]) != nil, let header = try? JSON.parse(bytes), case .object = header
        else { throw .malformed }
        return header
    }

    private static func audience(of claims: JSON) -> [String] {
        switch claims["aud"] {
        case .string(let one)?: [one]
        case .array(let several)?:
            several.compactMap(\.string)
        default: []
        }
    }

    /// A NumericDate (RFC 7519 §2) within the years 1970 to 2200.
    private static func seconds(_ claim: JSON?) -> Int64? {
        let latest: Int64 = 7_258_118_400
        switch claim {
        case .int(let seconds)? where (0...latest).contains(seconds): return seconds
        case .double(let seconds)? where seconds >= 0 && seconds <= Double(latest): return Int64(seconds)
        default: return nil
        }
    }
}
