import Synchronization
import Values

/// What is known about the work at hand: the request or event that caused it. Task-local; every log line written
/// within it carries it.
public final class RequestScope: Sendable {
    @TaskLocal public static var current: RequestScope?

    public let trace: TraceContext
    public let requestID: String?
    private let known: Mutex<TenantID?>
    private let turnedAway = Atomic<Bool>(false)

    public init(trace: TraceContext, requestID: String? = nil, tenant: TenantID? = nil) {
        (self.trace, self.requestID) = (trace, requestID)
        known = Mutex(tenant)
    }

    /// Set once identity is proven, which is after the scope began.
    public var tenant: TenantID? {
        get { known.withLock { $0 } }
        set { known.withLock { $0 = newValue } }
    }

    /// Set when the request was refused because of too much load: then a line of its own would only add to that.
    public var isTurnedAway: Bool {
        get { turnedAway.load(ordering: .relaxed) }
        set { turnedAway.store(newValue, ordering: .relaxed) }
    }

    /// Runs `body` in the scope of an event or job: a child of the trace that `traceparent` names, if it does.
    public static func run<Result>(
        traceparent: String?, tenant: TenantID? = nil, requestID: String? = nil,
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async rethrows -> Result {
        let trace = traceparent.flatMap(TraceContext.init)?.child() ?? TraceContext()
        let scope = RequestScope(trace: trace, requestID: requestID, tenant: tenant)
        return try await $current.withValue(scope, operation: body)
    }
}

extension TraceContext {
    /// The trace of the work at hand.
    public static var current: TraceContext? { RequestScope.current?.trace }
}
