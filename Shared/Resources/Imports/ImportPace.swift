import EventLog
import ServiceKit
import Values

/// How fast imports go: nobody waits for them, but people wait for other requests, and consumers for the event log.
public struct ImportPace: Sendable {
    /// So many events may wait to be published; with more, imports rest until some are.
    static let mostWaiting = 10_000
    private static let look = Duration.milliseconds(100)
    /// Others are at work as long as they have asked for something within this time.
    private static let attention = Duration.seconds(1)

    public enum Load: Sendable {
        case none
        /// Requests run, or others' came just now.
        case busy
        /// Requests wait for those that run.
        case crowded
    }

    private let waiting: @Sendable () -> Int
    private let load: @Sendable (TenantID) -> Load

    /// - Parameters:
    ///   - waiting: events that wait to be published.
    ///   - load: what the service does now besides a tenant's import.
    public init(
        waiting: @escaping @Sendable () -> Int = { 0 }, load: @escaping @Sendable (TenantID) -> Load = { _ in .none }
    ) {
        self.waiting = waiting
        self.load = load
    }

    init(relays: [OutboxRelay], admission: AdmissionControl) {
        self.init(
            waiting: { RelayStatus.sum(relays.map(\.status)).depth },
            load: { tenant in
                if admission.isCrowded { return .crowded }
                return admission.isBusy || admission.serves(othersThan: tenant, within: Self.attention) ? .busy : .none
            })
    }

    /// Rows to create at once. Few while others are at work: a request may have to wait for them to be prepared and
    /// written, and consumers for their events.
    func rows(of tenant: TenantID) -> Int { load(tenant) == .none ? 250 : 20 }

    /// Waits before the next rows.
    ///
    /// - Parameter work: the time that the last ones took.
    func rest(after work: Duration, of tenant: TenantID) async throws {
        while waiting() > Self.mostWaiting { try await Task.sleep(for: Self.look) }
        switch load(tenant) {
        case .none: await Task.yield()
        case .busy: try await Task.sleep(for: min(work * 4, .seconds(1)))
        case .crowded: try await Task.sleep(for: min(work * 8, .seconds(4)))
        }
    }
}
