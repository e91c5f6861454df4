import HTTP
import Runtime
import Security
import Synchronization
import Values

/// Signs identity tokens and hands the same one out again for half its life: a signature costs 28 µs.
public final class IdentityMinter: Sendable {
    private struct Minted {
        let token: String
        let time: Int64
    }

    private static let capacity = 10_000

    /// The name of the process in whose name tokens are signed.
    public let issuer: String
    private let signer: TokenSigner
    private let minted = Mutex<[Principal: Minted]>([:])

    /// - Parameter issuer: `gateway`, or the name of the service.
    public init(issuer: String, key: SigningKey) {
        self.issuer = issuer
        signer = TokenSigner(key: key, type: IdentityToken.type)
    }

    /// The keys by which others verify, to be published as JWKS.
    public var keys: KeySet { KeySet([signer.key.publicKey]) }

    /// A token for the header ``IdentityToken/header``, valid for at least another 30 seconds.
    /// - Throws: when the principal does not fit a header (some 200 teams).
    public func token(for principal: Principal, now: Timestamp = .now()) throws -> String {
        let now = now.microseconds / 1_000_000
        if let known = minted.withLock({ $0[principal] }), (0...IdentityToken.lifetime / 2).contains(now - known.time) {
            return known.token
        }
        let token = try signer.sign(IdentityToken.claims(for: principal, issuer: issuer, now: now))
        guard token.utf8.count <= TokenVerifier.maximumLength else { throw PrincipalTooLarge() }
        minted.withLock { minted in
            if minted.count >= Self.capacity {
                minted = minted.filter { now - $0.value.time <= IdentityToken.lifetime / 2 }
                if minted.count >= Self.capacity { minted.removeAll() }
            }
            minted[principal] = Minted(token: token, time: now)
        }
        return token
    }

    /// Signs anew at the next call: for a token that somebody did not believe.
    public func forget(_ principal: Principal) { minted.withLock { $0[principal] = nil } }

    /// A principal for what this service does on its own for a tenant.
    public func servicePrincipal(for tenant: TenantID?, permissions: Set<Permission>) -> Principal {
        Principal(
            tenant: tenant, subject: issuer, kind: .service, role: "service", permissions: permissions,
            visibility: .all)
    }
}

/// A principal with more teams and permissions than a header can carry.
public struct PrincipalTooLarge: Error, CustomStringConvertible {
    public let description = "The caller is in more teams than an identity token can name: use the visibility all."
}
