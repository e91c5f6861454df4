import HTTP
import Synchronization
import Values

/// How many requests a second somebody may make.
struct RateLimit: Sendable, Hashable {
    /// The policy's name in the headers.
    let name: String
    let perSecond: Double
    /// What may be saved up: two seconds' worth, so that a burst is no offence.
    let burst: Double
    /// The policy as `RateLimit-Policy` says it.
    let policy: String

    init(name: String, perSecond: Double) {
        (self.name, self.perSecond) = (name, perSecond)
        burst = max(1, perSecond * 2)
        policy = "\"\(name)\";q=\(Int(burst));w=2"
    }
}

/// A token bucket: holds what is left, and refills with time.
struct TokenBucket: Sendable {
    private var tokens: Double
    private var filled: ContinuousClock.Instant

    init(_ limit: RateLimit, now: ContinuousClock.Instant) { (tokens, filled) = (limit.burst, now) }

    /// Takes one token. Answers what is left, or how long to wait for the next.
    mutating func take(_ limit: RateLimit, now: ContinuousClock.Instant) -> (left: Int, wait: Duration?) {
        tokens = min(limit.burst, tokens + filled.duration(to: now).inSeconds * limit.perSecond)
        filled = now
        guard tokens >= 1 else { return (0, .seconds((1 - tokens) / limit.perSecond)) }
        tokens -= 1
        return (Int(tokens), nil)
    }

    func isFull(_ limit: RateLimit, now: ContinuousClock.Instant) -> Bool {
        tokens + filled.duration(to: now).inSeconds * limit.perSecond >= limit.burst
    }
}

/// Keeps each tenant, each user or key, and each address of strangers within its limit. Counted in each instance.
final class RateLimits: Middleware {
    struct Limits: Sendable {
        var tenant = RateLimit(name: "tenant", perSecond: 10_000)
        var caller = RateLimit(name: "caller", perSecond: 5_000)
        /// Of requests that need no identity: log-ins, documents.
        var stranger = RateLimit(name: "address", perSecond: 100)
    }

    private enum Key: Hashable {
        case tenant(TenantID)
        case caller(String)
        case address(String)
    }

    /// Most buckets kept; full ones are forgotten first.
    private static let capacity = 50_000

    private let limits: Limits
    private let buckets = Mutex<[Key: TokenBucket]>([:])
    private let clock: @Sendable () -> ContinuousClock.Instant

    init(_ limits: Limits = Limits(), clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        (self.limits, self.clock) = (limits, clock)
    }

    func respond(
        to call: Call, next: @Sendable (Call) async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        let (limit, left, wait) = take(call)
        try refuse(limit, wait)
        var response = try await next(call)
        response.headers["RateLimit-Policy"] = limit.policy
        response.headers["RateLimit"] = Self.state(limit, left, .seconds(1))
        return response
    }

    /// Counts a proof of identity that proved nothing against its address, as a request without identity.
    func countFailure(of request: HTTPRequest) throws(Problem) {
        try refuse(limits.stranger, take(.address(request.remoteNetwork), limits.stranger, clock()).wait)
    }

    private func refuse(_ limit: RateLimit, _ wait: Duration?) throws(Problem) {
        guard let wait else { return }
        throw Problem(
            .rateLimited, retryAfter: wait,
            headers: [("RateLimit-Policy", limit.policy), ("RateLimit", Self.state(limit, 0, wait))])
    }

    /// Takes a token of every bucket the call belongs to; answers the tightest.
    private func take(_ call: Call) -> (RateLimit, left: Int, wait: Duration?) {
        let now = clock()
        guard let principal = call.principal else {
            let (left, wait) = take(.address(call.request.remoteNetwork), limits.stranger, now)
            return (limits.stranger, left, wait)
        }
        let (left, wait) = take(.caller(principal.subject), limits.caller, now)
        guard wait == nil, let tenant = principal.tenant else { return (limits.caller, left, wait) }
        let (tenantLeft, tenantWait) = take(.tenant(tenant), limits.tenant, now)
        return tenantWait != nil || tenantLeft < left
            ? (limits.tenant, tenantLeft, tenantWait) : (limits.caller, left, nil)
    }

    private func take(_ key: Key, _ limit: RateLimit, _ now: ContinuousClock.Instant) -> (left: Int, wait: Duration?) {
        buckets.withLock { buckets in
            if buckets.count >= Self.capacity {
                buckets = buckets.filter { !$0.value.isFull(self.limit(of: $0.key), now: now) }
                if buckets.count >= Self.capacity { buckets.removeAll() }
            }
            return buckets[key, default: TokenBucket(limit, now: now)].take(limit, now: now)
        }
    }

    private func limit(of key: Key) -> RateLimit {
        switch key {
        case .tenant: limits.tenant
        case .caller: limits.caller
        case .address: limits.stranger
        }
    }

    // draft-ietf-httpapi-ratelimit-headers

    private static func state(_ limit: RateLimit, _ left: Int, _ wait: Duration) -> String {
        "\"\(limit.name)\";r=\(left);t=\(max(1, Int(wait.inSeconds.rounded(.up))))"
    }
}
