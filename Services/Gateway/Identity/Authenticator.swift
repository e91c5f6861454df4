import Foundation
import HTTP
import Runtime
import Security
import Tenancy
import Values

/// Finds out who is behind a token or key. What was proven once is remembered until it expires or is revoked.
final class Authenticator: Sendable {
    private let keys: SigningKeys
    private let accounts: Accounts
    private let directory: TenantDirectory
    private let revocations: Revocations
    private let cache: TokenCache<Identity>
    private let group: EventLoopGroup
    /// A token that nobody remembers is looked up once for all who come with it at that moment.
    private let proofs = JoinedWork<Proof, Identity>()
    private let verifier = TokenVerifier(
        issuer: AccessToken.issuer, audience: AccessToken.audience, type: AccessToken.type)

    private struct Proof: Hashable {
        let token: Digest
        /// What a revocation overtakes is not shared with those who come after it.
        let epoch: UInt64
    }

    init(
        keys: SigningKeys, accounts: Accounts, directory: TenantDirectory, revocations: Revocations,
        cache: TokenCache<Identity>, group: EventLoopGroup
    ) {
        (self.keys, self.accounts, self.directory) = (keys, accounts, directory)
        (self.revocations, self.cache, self.group) = (revocations, cache, group)
    }

    /// Who sent this token.
    /// - Throws: 401 for a token that proves nothing, 403 for a suspended tenant's, 503 while nobody can be believed.
    func identify(_ token: String, now: Timestamp = .now()) async throws -> Identity {
        try revocations.requireNews()
        let seconds = now.microseconds / 1_000_000
        let digest = Digest.sha256(token)
        if let known = cache.value(for: digest, now: seconds) {
            guard let tenant = known.principal.tenant else { return known }
            do {
                _ = try await directory.active(tenant)
                return known
            } catch TenancyError.unknown {
                // The tenant is gone; its key may lead to one that was restored from its backup.
                cache.remove(digest)
            }
        }
        // Taken before looking: what a revocation overtakes is not remembered.
        let epoch = cache.epoch
        let identity = try await proofs.value(for: Proof(token: digest, epoch: epoch), on: group.here) { [self] in
            let identity = try await verify(token, now: seconds)
            cache.insert(identity, for: digest, until: identity.expires, epoch: epoch)
            return identity
        }
        if let tenant = identity.principal.tenant { try await requireActive(tenant) }
        return identity
    }

    private func requireActive(_ tenant: TenantID) async throws {
        do { _ = try await directory.active(tenant) } catch TenancyError.unknown {
            throw Problem(.unauthenticated)
        }
    }

    private func verify(_ token: String, now: Int64) async throws -> Identity {
        if let credential = Credential(token) {
            let found: Identity? =
                switch credential.kind {
                case .apiKey: try await accounts.apiKey(credential, now: now)
                case .operatorKey: try await accounts.operatorKey(credential, now: now)
                case .refreshToken, .passwordReset: nil
                }
            guard let found else { throw Problem(.unauthenticated) }
            return found
        }
        guard let claims = try? verifier.verify(token, keys: keys.keySet, now: now), let token = AccessToken(claims)
        else { throw Problem(.unauthenticated) }
        try await requireActive(token.tenant)
        guard let principal = try await accounts.principal(of: token, now: now) else {
            throw Problem(.unauthenticated)
        }
        return Identity(principal, session: token.session, expires: claims.expires)
    }
}
