import EventLog
import ServiceKit

/// How fast imports go: nobody waits for them, but people wait for other requests, and consumers for the event log.
public struct ImportPace: Sendable {
    /// So many events may wait to be published; with more, imports rest until some are.
    static let mostWaiting = 10_000
    private static let look = Duration.milliseconds(100)

    public enum Load: Sendable {
        case none
        /// Requests run.
        case busy
        /// Requests wait for those that run.
        case crowded
    }

    private let waiting: @Sendable () -> Int
    private let load: @Sendable () -> Load

    /// - Parameters:
    ///   - waiting: events that wait to be published.
    ///   - load: what else the service does now.
    public init(waiting: @escaping @Sendable () -> Int = { 0 }, load: @escaping @Sendable () -> Load = { .none }) {
        (self.waiting, self.load) = (waiting, load)
    }

    init(relays: [OutboxRelay], admission: AdmissionControl) {
        self.init(
            waiting: { RelayStatus.sum(relays.map(\.status)).depth },
            load: { admission.isCrowded ? .crowded : admission.isBusy ? .busy : .none })
    }

    /// Waits before the next rows.
    ///
    /// - Parameter work: the time that the last ones took.
    func rest(after work: Duration) async throws {
        while waiting() > Self.mostWaiting { try await Task.sleep(for: Self.look) }
        switch load() {
        case .none: await Task.yield()
        case .busy: try await Task.sleep(for: min(work, .seconds(1)))
        case .crowded: try await Task.sleep(for: min(work * 4, .seconds(4)))
        }
    }
}
