import HTTP
import JSON
import Security

/// Answers the internal port: `/health/live`, `/health/ready`, `/metrics`, the keys that verify the
/// service's tokens at `/.well-known/jwks.json`, and what the service adds.
public struct InternalRoutes: Sendable {
    private let health: Health
    private let metrics: MetricsRegistry
    private let keys: @Sendable () async -> KeySet
    private let others: HTTPHandler?

    /// - Parameters:
    ///   - keys: read anew for each answer, as the gateway's are rotated.
    ///   - others: answers every other path.
    public init(
        health: Health, metrics: MetricsRegistry, keys: @escaping @Sendable () async -> KeySet = { KeySet() },
        others: HTTPHandler? = nil
    ) {
        (self.health, self.metrics, self.keys, self.others) = (health, metrics, keys, others)
    }

    @Sendable public func respond(to request: HTTPRequest) async -> HTTPResponse {
        let isRead = request.method == .get || request.method == .head
        switch request.path {
        case "/health/live" where isRead: return .json(["status": "live"])
        case "/health/ready" where isRead:
            let report = await health.report()
            return .json(report.json, status: report.isReady ? .ok : .serviceUnavailable)
        case "/metrics" where isRead:
            return HTTPResponse(
                .ok, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
                body: .text(await metrics.exposition()))
        case "/.well-known/jwks.json" where isRead:
            return .json(await keys().jwks, headers: ["Cache-Control": "max-age=300"])
        default:
            return await others?(request) ?? Problem(.notFound).response(requestID: request.id)
        }
    }
}
