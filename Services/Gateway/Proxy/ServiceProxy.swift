import HTTP
import Runtime
import ServiceKit

/// Which service answers which paths.
enum Backend {
    static let paths: [(service: String, prefixes: [String])] = [
        (
            "leads",
            [
                "/v1/leads", "/v1/sources", "/v1/assignment-rules", "/v1/grade-rules", "/v1/grade-thresholds",
                "/v1/duplicate-policy",
            ]
        ),
        (
            "opportunities",
            [
                "/v1/opportunities", "/v1/products", "/v1/pipelines", "/v1/targets", "/v1/forecast", "/v1/contracts",
            ]
        ),
        ("customers", ["/v1/accounts", "/v1/contacts", "/v1/orders", "/v1/lifecycle-policy"]),
        ("analytics", ["/v1/analytics"]),
    ]
}

/// Sends requests on to the services, in the caller's name.
struct ServiceProxy: Sendable {
    /// For an answer to an ordinary request, and to one that moves much data (bulk, imports): a little longer than the
    /// services take for one at most, so that they say what became of it.
    static let patience = Duration.seconds(30)
    static let longPatience = Duration.seconds(1_810)

    let client: HTTPClient
    let keys: SigningKeys

    /// The way to a service for every path it answers.
    func mounts(to service: String, at base: String, prefixes: [String]) -> [Mount] {
        prefixes.map { prefix in
            // The client keeps the time of each exchange.
            Mount(prefix, id: "forward.\(service)", permission: .anyCaller, timeout: nil) { call in
                // Operators have no business with records.
                _ = try call.tenant
                return try await forward(call.request, in: call.lane, as: try call.caller, to: service, at: base)
            }
        }
    }

    private func forward(
        _ request: HTTPRequest, in lane: Lane, as caller: Principal, to service: String, at base: String
    ) async throws -> HTTPResponse {
        var setting: HTTPHeaders = [
            IdentityToken.header: try keys.minter.token(for: caller), "X-Forwarded-For": request.remoteAddress,
        ]
        ServiceClient.propagate(into: &setting)
        let forwarding = Forwarding(
            base: base, removes: Self.isClaim, setting: setting,
            deadline: .after(lane.isLong ? Self.longPatience : Self.patience))
        let answer: HTTPResponse
        do { answer = try await client.forward(request, forwarding) } catch let error as HTTPClientError
            where error.reason == .unreachable
        {
            throw Problem(
                .unavailable,
                .init(en: "The \(service) service does not answer now.", zh: "\(service) 服务暂时无响应。"),
                retryAfter: .seconds(1))
        }
        // Who the caller is was proven here. That the service does not believe it is no fault of the caller: the clocks
        // of the machines differ, or it has not seen our newest key yet.
        guard answer.status != .unauthorized else {
            try keys.minter.forget(caller)
            throw Problem(
                .unavailable,
                .init(
                    en: "The \(service) service does not accept the gateway's word now.",
                    zh: "\(service) 服务暂时不接受网关的身份凭证。"),
                retryAfter: .seconds(1))
        }
        return answer
    }

    /// Headers by which a client could pose as somebody, or that are not the services' business.
    static func isClaim(_ name: String) -> Bool {
        claims.contains { HTTPHeaders.same(name, $0) } || families.contains { HTTPHeaders.hasPrefix(name, $0) }
    }

    private static let claims = ["Authorization", "Cookie", "Forwarded", "X-Real-IP"]
    private static let families = ["Guanxi-", "X-Guanxi-", "X-Forwarded-"]
}
