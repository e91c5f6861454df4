import Foundation
import Security
import Values

/// A secret that names what it belongs to: `gx_<id>_<secret>`. Only the secret's digest is stored; 256 random bits need
/// no slow hash.
struct Credential: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case apiKey = "gx"
        case operatorKey = "gxo"
        case refreshToken = "gxr"
        case passwordReset = "gxp"

        /// Those that name their tenant, since nothing else says where to look.
        var namesTenant: Bool { self == .refreshToken || self == .passwordReset }
    }

    let kind: Kind
    let tenant: TenantID?
    let id: UUID
    private let secret: String

    /// A new one.
    init(_ kind: Kind, tenant: TenantID? = nil, id: UUID = UUIDv7.make()) {
        (self.kind, self.tenant, self.id) = (kind, tenant, id)
        secret = SecureRandom.token()
    }

    private init(_ kind: Kind, tenant: TenantID?, id: UUID, secret: String) {
        (self.kind, self.tenant, self.id, self.secret) = (kind, tenant, id, secret)
    }

    /// The credential that takes this one's place: the same whenever it is asked for, and known to nobody without the
    /// installation's secret.
    func successor(secret key: String) -> Credential {
        let next = Digest.hmacSHA256(key: Array("credential successor \(key)".utf8), Array(secret.utf8))
        return Credential(kind, tenant: tenant, id: id, secret: Base64URL.encode(next.bytes))
    }

    /// Reads a credential; nil for anything that `text` would not have written.
    init?(_ text: String, kind: Kind? = nil) {
        guard text.utf8.count <= 200 else { return nil }
        var parts = text.split(separator: "_", maxSplits: 3, omittingEmptySubsequences: false)[...]
        guard let found = parts.popFirst().flatMap({ Kind(rawValue: String($0)) }), found == kind ?? found else {
            return nil
        }
        self.kind = found
        if found.namesTenant {
            guard let tenant = parts.popFirst().flatMap({ TenantID(String($0)) }) else { return nil }
            self.tenant = tenant
        } else {
            tenant = nil
        }
        guard let id = parts.popFirst().flatMap({ Self.id($0) }), !parts.isEmpty else { return nil }
        self.id = id
        secret = parts.joined(separator: "_")
        guard secret.utf8.count == 43 else { return nil }
    }

    /// What the client gets and sends.
    var text: String {
        [kind.rawValue, tenant?.text, Self.text(of: id), secret].compactMap(\.self).joined(separator: "_")
    }

    /// What is stored of the secret.
    var secretHash: [UInt8] { Digest.sha256(secret).bytes }

    func matches(_ storedHash: [UInt8]) -> Bool { constantTimeEquals(secretHash, storedHash) }

    /// Of an id in a credential: 32 hexadecimal digits.
    static func text(of id: UUID) -> String { id.lowercased.replacing("-", with: "") }

    private static func id(_ text: Substring) -> UUID? {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.dropFirst(16), radix: 16), text.lowercased() == text
        else { return nil }
        return UUID(high: high, low: low)
    }
}
