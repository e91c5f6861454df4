/// What can go wrong with keys and hashes of our own; tokens of others fail with ``TokenError``.
public enum SecurityError: Error, Hashable, Sendable, CustomStringConvertible {
    /// scrypt could not get the memory its cost asks for.
    case outOfMemory
    /// A text that should be a JSON Web Key is none, or of a kind that is not used here.
    case invalidKey(String)
    /// A key file could not be read or written.
    /// cjose or OpenSSL refused to do what should always work.
    case cryptography(String)

    public var description: String {
        switch self {
        case .outOfMemory: "not enough memory to hash a password"
        case .invalidKey(let reason): "not a usable JSON Web Key: \(reason)"
        case .cryptography(let reason): "cryptographic operation failed: \(reason)"
        }
    }
}

/// Why a token is refused.
public enum TokenError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed
    case algorithmNotAllowed
    case unknownKey(id: String)
    case badSignature
    case wrongType
    case missingClaim(String)
    case wrongIssuer
    case wrongAudience
    case expired
    case notYetValid

    public var description: String {
        switch self {
        case .malformed: "the token is not a JSON Web Token"
        case .algorithmNotAllowed: "the token's algorithm is not accepted"
        case .unknownKey: "the token's key is not known"
        case .badSignature: "the token's signature does not match"
        case .wrongType: "the token is of another type"
        case .missingClaim(let name): "the token has no usable \"\(name)\""
        case .wrongIssuer: "the token is from another issuer"
        case .wrongAudience: "the token is for another audience"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        }
    }
}
