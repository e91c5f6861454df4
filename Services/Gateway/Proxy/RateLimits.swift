import HTTP
import Synchronization
import Values

/// A token bucket for each tenant and for each of its callers: bursts pass, floods wait.
///
/// Counted by each instance for itself. Headers as in draft-ietf-httpapi-ratelimit-headers.
final class RateLimits: Middleware {
    struct Limit: Sendable {
        /// Requests a second that go on for ever.
        let rate: Double
        /// Requests that may come at once.
        let burst: Double
    }

    private struct Bucket {
        var tokens: Double
        var at: ContinuousClock.Instant
    }

    private let tenantLimit: Limit
    private let callerLimit: Limit
    private let buckets = Mutex<[String: Bucket]>([:])
    private static let capacity = 50_000

    init(tenant: Limit, caller: Limit) { (tenantLimit, callerLimit) = (tenant, caller) }

    func respond(
        to call: Call, next: @Sendable (Call) async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        guard let principal = call.principal, let tenant = principal.tenant else { return try await next(call) }
        let now = ContinuousClock.now
        let (remaining, wait) = buckets.withLock { buckets in
            if buckets.count > Self.capacity { buckets.removeAll() }
            let own = Self.take(&buckets["\(tenant)/\(principal.subject)"], callerLimit, now)
            guard own.wait == nil else { return own }
            let all = Self.take(&buckets[tenant.text], tenantLimit, now)
            return all.wait == nil ? (min(own.remaining, all.remaining), nil) : all
        }
        if let wait {
            throw Problem(.rateLimited, retryAfter: wait, headers: headers(0, wait))
        }
        var response = try await next(call)
        for (name, value) in headers(remaining, nil) { response.headers.add(name, value) }
        return response
    }

    private static func take(
        _ bucket: inout Bucket?, _ limit: Limit, _ now: ContinuousClock.Instant
    ) -> (remaining: Int, wait: Duration?) {
        var current = bucket ?? Bucket(tokens: limit.burst, at: now)
        let passed = current.at.duration(to: now).inSeconds
        current.tokens = min(limit.burst, current.tokens + passed * limit.rate)
        current.at = now
        defer { bucket = current }
        guard current.tokens >= 1 else { return (0, .seconds((1 - current.tokens) / limit.rate)) }
        current.tokens -= 1
        return (Int(current.tokens), nil)
    }

    private func headers(_ remaining: Int, _ wait: Duration?) -> [(name: String, value: String)] {
        let seconds = Int((wait?.inSeconds ?? 0).rounded(.up))
        return [
            (
                "RateLimit-Policy",
                "\"caller\";q=\(Int(callerLimit.burst));w=\(Int(callerLimit.burst / callerLimit.rate))"
            ),
            ("RateLimit", "\"caller\";r=\(remaining);t=\(seconds)"),
        ]
    }
}
