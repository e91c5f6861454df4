import Foundation
import JSON

/// The signature algorithms this product accepts: no `none`, no shared secrets.
public enum SignatureAlgorithm: String, Sendable, CaseIterable {
    /// ECDSA on P-256 with SHA-256: what our own tokens use.
    case es256 = "ES256"
    /// RSA PKCS#1 v1.5 with SHA-256: what most OpenID providers use; verified only.
    case rs256 = "RS256"
}

/// An ES256 key pair that signs tokens.
public struct SigningKey: Sendable {
    let handle: KeyHandle
    /// The public half, by which others verify.
    public let publicKey: VerificationKey

    /// The key's id: its RFC 7638 thumbprint.
    public var id: String { publicKey.id }

    /// A new random key.
    public static func generate() throws(SecurityError) -> SigningKey {
        try SigningKey(handle: KeyHandle())
    }

    /// Reads a private JSON Web Key.
    public init(jwk: [UInt8]) throws(SecurityError) {
        guard let json = try? JSON.parse(jwk), json.text("d") != nil else { throw .invalidKey("no private part") }
        try self.init(handle: KeyHandle(jwk: jwk))
    }

    private init(handle: KeyHandle) throws(SecurityError) {
        self.handle = handle
        guard let json = try? JSON.parse(handle.json(includingPrivate: false)) else { throw .invalidKey("not JSON") }
        publicKey = try VerificationKey(jwk: json, handle: handle)
        guard publicKey.algorithm == .es256 else { throw .invalidKey("not an EC key on P-256") }
    }

    /// The private JSON Web Key as text: a secret.
    public func privateJWK() throws(SecurityError) -> [UInt8] { try handle.json(includingPrivate: true) }
}

/// A public key that verifies signatures of exactly one algorithm.
public struct VerificationKey: Sendable {
    public let id: String
    public let algorithm: SignatureAlgorithm
    /// The public JSON Web Key, ready for a JWKS document.
    public let jwk: JSON
    let handle: KeyHandle

    /// Reads a public JSON Web Key: EC on P-256 or RSA of 2048 to 8192 bits, meant for signatures.
    public init(jwk: JSON) throws(SecurityError) {
        let publicMembers = ["kty", "crv", "x", "y", "n", "e"].compactMap { name in
            jwk.text(name).map { (name, JSON.string($0)) }
        }
        let bare = JSON.object(JSONObject(publicMembers))
        try self.init(jwk: jwk, handle: KeyHandle(jwk: bare.serialize()))
    }

    fileprivate init(jwk: JSON, handle: KeyHandle) throws(SecurityError) {
        if let use = jwk.text("use"), use != "sig" { throw .invalidKey("its use is \"\(use)\"") }
        var members: [(String, JSON)]
        switch jwk.text("kty") {
        case "EC":
            guard jwk.text("crv") == "P-256", let x = jwk.text("x"), let y = jwk.text("y") else {
                throw .invalidKey("only EC keys on P-256 are used here")
            }
            algorithm = .es256
            members = [("crv", "P-256"), ("kty", "EC"), ("x", .string(x)), ("y", .string(y))]
        case "RSA":
            guard let n = jwk.text("n"), let e = jwk.text("e"), let modulus = Base64URL.decode(n),
                (256...1_024).contains(modulus.count)
            else { throw .invalidKey("only RSA keys of 2048 to 8192 bits are used here") }
            algorithm = .rs256
            members = [("e", .string(e)), ("kty", "RSA"), ("n", .string(n))]
        default: throw .invalidKey("its kty is neither EC nor RSA")
        }
        if let stated = jwk.text("alg"), stated != algorithm.rawValue { throw .invalidKey("its alg is \"\(stated)\"") }
        // RFC 7638: the digest of exactly these members in this order.
        let thumbprint = Base64URL.encode(Digest.sha256(JSON.object(JSONObject(members)).serialize()).bytes)
        id = jwk.text("kid") ?? thumbprint
        members += [("kid", .string(id)), ("alg", .string(algorithm.rawValue)), ("use", "sig")]
        self.jwk = .object(JSONObject(members))
        self.handle = handle
    }
}

/// The public keys of an issuer, by id.
public struct KeySet: Sendable {
    private let keys: [String: VerificationKey]

    public init(_ keys: [VerificationKey] = []) {
        self.keys = Dictionary(keys.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Reads a JWKS document. Keys of kinds that are not used here are passed over, as RFC 7517 §5 asks.
    public init(jwks document: [UInt8]) throws(SecurityError) {
        guard let json = try? JSON.parse(document), case .array(let members)? = json["keys"] else {
            throw .invalidKey("not a JWKS document")
        }
        self.init(members.compactMap { try? VerificationKey(jwk: $0) })
    }

    /// With further keys; those that are here already stay.
    public func merging(_ others: [VerificationKey]) -> KeySet { KeySet(Array(keys.values) + others) }

    public subscript(id: String) -> VerificationKey? { keys[id] }

    public var isEmpty: Bool { keys.isEmpty }

    /// The JWKS document: public parts only.
    public var jwks: JSON {
        let members = keys.values.sorted { $0.id < $1.id }.map(\.jwk)
        return .object(JSONObject([("keys", .array(members))]))
    }
}

extension JSON {
    /// A member's text; nil when absent or of another type.
    func text(_ name: String) -> String? { self[name]?.string }
}
