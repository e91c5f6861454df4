import HTTP
import Security
import Values

/// Proves who calls a service: verifies the token in ``IdentityToken/header`` and sets the call's principal.
///
/// A call without a token goes on without a principal, which the router admits to open endpoints only; a call with
/// a bad one ends here.
public struct IdentityMiddleware: Middleware {
    private let issuers: [String: RemoteKeySet]
    private let cache = TokenCache<Principal>()
    private let clock: @Sendable () -> Timestamp

    /// - Parameters:
    ///   - issuers: the keys of `gateway`, and of services that call this one on their own.
    ///   - clock: replaced in tests.
    public init(issuers: [String: RemoteKeySet], clock: @escaping @Sendable () -> Timestamp = { .now() }) {
        (self.issuers, self.clock) = (issuers, clock)
    }

    public func respond(
        to call: Call, next: @Sendable (Call) async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        var call = call
        call.principal = nil
        if let token = call.request.headers[IdentityToken.header] {
            let principal = try await principal(of: token)
            call.principal = principal
            RequestScope.current?.tenant = principal.tenant
        }
        return try await next(call)
    }

    /// The principal that a token proves.
    /// - Throws: a 401 problem, or 503 while the issuer's keys cannot be read.
    public func principal(of token: String) async throws -> Principal {
        let now = clock().microseconds / 1_000_000
        let digest = Digest.sha256(token)
        if let known = cache.value(for: digest, now: now) { return known }
        let epoch = cache.epoch
        guard let id = TokenVerifier.keyID(of: token), let issuer = TokenVerifier.issuer(of: token),
            let source = issuers[issuer]
        else { throw Problem(.unauthenticated) }
        let keys = await source.keys(for: id)
        if keys.isEmpty { throw Problem(.unavailable, retryAfter: .seconds(1)) }
        let verifier = TokenVerifier(issuer: issuer, audience: IdentityToken.audience, type: IdentityToken.type)
        guard let claims = try? verifier.verify(token, keys: keys, now: now),
            let principal = IdentityToken.principal(claims)
        else { throw Problem(.unauthenticated) }
        cache.insert(principal, for: digest, until: claims.expires, epoch: epoch)
        return principal
    }
}
