import Runtime

/// A part of a service with a life: a server, a relay, a consumer.
///
/// The runner starts components in their order, each when the one before has started, runs them side by side, and
/// stops them in reverse. A component therefore lists after what it needs.
public protocol Component: Sendable {
    /// The name in logs and error sentences.
    var name: String { get }

    /// Gets ready; throwing stops the whole start. The error's description is shown: let it say what to change.
    func start() async throws

    /// Does the component's work until the task is cancelled. Throwing ends the service.
    func run() async throws

    /// Ends the work in good order before `deadline`; afterwards the task of ``run()`` is cancelled.
    func stop(before deadline: Deadline) async
}

extension Component {
    public func start() async throws {}
    public func run() async throws {}
    public func stop(before deadline: Deadline) async {}
}

/// A component made of closures.
public struct Part: Component {
    public let name: String
    private let onStart: @Sendable () async throws -> Void
    private let onRun: @Sendable () async throws -> Void
    private let onStop: @Sendable (Deadline) async -> Void

    public init(
        _ name: String, start: @escaping @Sendable () async throws -> Void = {},
        run: @escaping @Sendable () async throws -> Void = {},
        stop: @escaping @Sendable (Deadline) async -> Void = { _ in }
    ) {
        self.name = name
        (onStart, onRun, onStop) = (start, run, stop)
    }

    public func start() async throws { try await onStart() }
    public func run() async throws { try await onRun() }
    public func stop(before deadline: Deadline) async { await onStop(deadline) }
}
