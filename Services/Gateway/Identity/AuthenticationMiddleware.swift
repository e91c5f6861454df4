import HTTP
import ServiceKit

/// Proves who calls, from the `Authorization` header alone. Identity headers that a client sends mean nothing.
struct AuthenticationMiddleware: Middleware {
    let authenticator: Authenticator
    let limits: RateLimits

    /// The session by which the call at hand came, for ending it.
    @TaskLocal static var identity: Identity?

    func respond(
        to call: Call, next: @Sendable (Call) async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        var call = call
        call.principal = nil
        guard let identity = try await identity(of: call) else { return try await next(call) }
        call.principal = identity.principal
        RequestScope.current?.tenant = identity.principal.tenant
        guard identity.session != nil else { return try await next(call) }
        return try await Self.$identity.withValue(identity) { [call] in try await next(call) }
    }

    private func identity(of call: Call) async throws -> Identity? {
        do {
            guard let token = try Self.token(of: call) else { return nil }
            return try await authenticator.identify(token)
        } catch let problem as Problem where problem.type == .unauthenticated {
            // Whoever guesses soon hears nothing but to wait.
            try limits.countFailure(of: call.request)
            throw problem
        }
    }

    /// The bearer token. Operations that are open to everyone are not asked about it: a client whose token has
    /// expired must be able to get a new one.
    private static func token(of call: Call) throws(Problem) -> String? {
        guard call.permission != .everyone, let header = call.request.headers["Authorization"] else { return nil }
        guard HTTPHeaders.hasPrefix(header, "Bearer "), call.request.headers.values("Authorization").count == 1
        else { throw Problem(.unauthenticated) }
        return String(Substring(header.utf8.dropFirst("Bearer".utf8.count).drop { $0 == UInt8(ascii: " ") }))
    }
}
