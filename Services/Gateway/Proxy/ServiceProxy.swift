import HTTP
import Runtime
import ServiceKit

/// The way from the gateway to the services: whoever was proven goes along as a signed identity, nothing else does.
struct ServiceProxy: Sendable {
    let client: HTTPClient
    let keys: SigningKeys
    let serviceURLs: [String: String]

    /// Which service answers below which path.
    static let paths: [(service: String, prefixes: [String])] = [
        ("leads", ["leads", "sources", "assignment-rules", "grade-rules", "grade-thresholds", "duplicate-policy"]),
        ("opportunities", ["opportunities", "products", "pipelines", "targets", "forecast"]),
        ("customers", ["accounts", "contacts", "orders", "lifecycle-policy"]),
        ("analytics", ["analytics"]),
    ]

    /// Headers in which somebody could claim to be somebody.
    static let identityHeaders = [
        IdentityToken.header, "Authorization", "Cookie", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
        "X-Forwarded-Proto", "X-Real-IP", "X-Tenant", "X-User",
    ]

    var mounts: [Mount] {
        Self.paths.flatMap { service, prefixes in
            prefixes.map { prefix in
                Mount("/v1/\(prefix)", id: "\(service).\(prefix)", permission: .anyCaller, timeout: .seconds(310)) {
                    call in
                    try await forward(call, to: service)
                }
            }
        }
    }

    private func forward(_ call: Call, to service: String) async throws -> HTTPResponse {
        let caller = try call.caller
        guard caller.tenant != nil else { throw Problem(.forbidden) }
        guard let base = serviceURLs[service] else { throw Problem(.unavailable) }
        var headers: HTTPHeaders = [IdentityToken.header: try keys.minter.token(for: caller)]
        if let trace = TraceContext.current { headers["traceparent"] = trace.traceparent }
        return try await client.forward(
            call.request,
            Forwarding(base: base, removing: Self.identityHeaders, setting: headers, deadline: call.deadline))
    }
}
