import JSON
import Runtime
import Synchronization

/// Whether a service can do its work, and if not, what is missing.
public final class Health: Sendable {
    /// Where the service is in its life.
    public enum Phase: String, Sendable { case starting, running, draining }

    /// Throws when a dependency is missing; the error's description is shown to operators.
    public typealias Check = @Sendable () async throws -> Void

    /// A check that takes longer than this counts as failed.
    public static let patience: Duration = .seconds(2)

    private struct Entry {
        let name: String
        let isRequired: Bool
        let check: Check
    }

    private let checks = Mutex<[Entry]>([])
    private let current = Mutex(Phase.starting)

    public init() {}

    public var phase: Phase {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// Adds a dependency, such as `database`.
    ///
    /// - Parameter isRequired: false for one without which the service still does what it is asked, such as the event
    ///   log: what it is to be told waits in the outbox. The report names it, and the service stays ready.
    public func add(_ name: String, isRequired: Bool = true, check: @escaping Check) {
        checks.withLock { $0.append(Entry(name: name, isRequired: isRequired, check: check)) }
    }

    /// Asks every dependency at once.
    public func report() async -> Report {
        let phase = phase
        let checks = checks.withLock { $0 }
        let reasons = await withTaskGroup(of: (Int, String?).self) { tasks in
            for (index, entry) in checks.enumerated() {
                tasks.addTask { (index, await Self.reason(entry.check)) }
            }
            var reasons = [String?](repeating: nil, count: checks.count)
            for await (index, reason) in tasks { reasons[index] = reason }
            return reasons
        }
        return Report(
            phase: phase,
            dependencies: zip(checks, reasons).map {
                Report.Dependency(name: $0.name, isRequired: $0.isRequired, reason: $1)
            })
    }

    private static func reason(_ check: @escaping Check) async -> String? {
        do {
            try await withDeadline(.after(patience)) { try await check() }
            return nil
        } catch { return "\(error)" }
    }

    /// What `/health/ready` answers.
    public struct Report: Sendable {
        public struct Dependency: Sendable {
            public let name: String
            /// Whether the service is not ready without it.
            public let isRequired: Bool
            /// Why it is missing; nil when it is there.
            public let reason: String?
        }

        public let phase: Phase
        public let dependencies: [Dependency]

        public var isReady: Bool {
            phase == .running && dependencies.allSatisfy { $0.reason == nil || !$0.isRequired }
        }

        /// `{"status": "unavailable", "phase": "running", "missing": ["database"], "dependencies": {…}}`; the status
        /// is `degraded` when all that is missing can be done without.
        public var json: JSON {
            let missing = dependencies.filter { $0.reason != nil }
            return [
                "status": !isReady ? "unavailable" : missing.isEmpty ? "ready" : "degraded",
                "phase": .string(phase.rawValue),
                "missing": .array(missing.map { .string($0.name) }),
                "dependencies": .object(JSONObject(dependencies.map { ($0.name, .string($0.reason ?? "ok")) })),
            ]
        }
    }
}
