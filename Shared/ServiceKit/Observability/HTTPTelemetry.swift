import HTTP
import JSON
import Values

/// What every HTTP server of a service tells: request metrics, the access log, and the trace around each request.
public struct HTTPTelemetry: Sendable {
    private let logger: Logger
    private let requests: Family<Counter>
    private let durations: Family<Histogram>
    private let running: Gauge
    private let level: Logger.Level

    /// - Parameter logsAllRequests: whether the access log has a line for each answer, not only for failures.
    public init(logger: Logger, metrics: MetricsRegistry, logsAllRequests: Bool = false) {
        level = logsAllRequests ? .info : .debug
        self.logger = logger.component("http")
        requests = metrics.counters(
            "guanxi_http_requests_total", help: "Requests answered, by operation and class of status.",
            labels: ["operation", "status"])
        durations = metrics.histograms(
            "guanxi_http_request_seconds", help: "Time from a request's head to its answer.", labels: ["operation"])
        running = metrics.gauge("guanxi_http_requests_running", help: "Requests being answered.")
    }

    /// Runs each request in its scope: a child of the caller's trace, or the root of a new one.
    public func traced(_ handler: @escaping HTTPHandler) -> HTTPHandler {
        { [running] request in
            let caller = request.headers["traceparent"].flatMap(TraceContext.init)
            let scope = RequestScope(trace: caller?.child() ?? TraceContext(), requestID: request.id)
            running.add(1)
            defer { running.add(-1) }
            return await RequestScope.$current.withValue(scope) { await handler(request) }
        }
    }

    /// What a router tells of its answers and of errors that nobody expected.
    public var events: RouterEvents {
        RouterEvents(unexpected: unexpected, brokenExchange: brokenExchange, answered: answered)
    }

    private func unexpected(_ error: any Error, _ request: HTTPRequest, _ operation: String?) {
        logger.error(
            "a request failed unexpectedly", error: error,
            ["operation": .string(operation ?? "none"), "method": .string(request.method.rawValue)])
    }

    private func brokenExchange(_ error: HTTPClientError, _ request: HTTPRequest, _ operation: String?) {
        logger.warning(
            "another server gave no whole answer",
            [
                "operation": .string(operation ?? "none"), "method": .string(request.method.rawValue),
                "error": .string("\(error)"),
            ])
    }

    /// Answers that are the server's own fault are warnings. The others are logged as asked: a line costs as much as
    /// a tenth of a request.
    private func answered(_ request: HTTPRequest, _ operation: String?, _ status: HTTPStatus, _ duration: Duration) {
        let operation = operation ?? "none"
        requests.labelled(operation, Self.statusClass(status)).increment()
        durations.labelled(operation).observe(duration)
        logger.log(
            status.isServerError && RequestScope.current?.isTurnedAway != true ? .warning : level, "request answered",
            [
                "method": .string(request.method.rawValue), "path": .string(String(request.path.prefix(200))),
                "operation": .string(operation), "status": .int(Int64(status.code)),
                "milliseconds": .double((duration.inSeconds * 1e6).rounded() / 1e3),
                "remote": .string(request.remoteAddress),
            ])
    }

    private static func statusClass(_ status: HTTPStatus) -> String {
        switch status.code / 100 {
        case 1: "1xx"
        case 2: "2xx"
        case 3: "3xx"
        case 4: "4xx"
        default: "5xx"
        }
    }
}
