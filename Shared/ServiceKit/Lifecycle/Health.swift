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

    private let checks = Mutex<[(name: String, check: Check)]>([])
    private let current = Mutex(Phase.starting)

    public init() {}

    public var phase: Phase {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// Adds a dependency, such as `database` or `eventLog`.
    public func add(_ name: String, check: @escaping Check) { checks.withLock { $0.append((name, check)) } }

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
            phase: phase, dependencies: zip(checks, reasons).map { Report.Dependency(name: $0.name, reason: $1) })
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
            /// Why it is missing; nil when it is there.
            public let reason: String?
        }

        public let phase: Phase
        public let dependencies: [Dependency]

        public var isReady: Bool { phase == .running && dependencies.allSatisfy { $0.reason == nil } }

        /// `{"status": "unavailable", "phase": "running", "missing": ["database"], "dependencies": {…}}`
        public var json: JSON {
            let missing = dependencies.filter { $0.reason != nil }
            return [
                "status": isReady ? "ready" : "unavailable", "phase": .string(phase.rawValue),
                "missing": .array(missing.map { .string($0.name) }),
                "dependencies": .object(JSONObject(dependencies.map { ($0.name, .string($0.reason ?? "ok")) })),
            ]
        }
    }
}
