import Synchronization

/// A point in time until which something must be done.
public struct Deadline: Sendable, Hashable, Comparable {
    public let instant: ContinuousClock.Instant

    public init(_ instant: ContinuousClock.Instant) { self.instant = instant }

    /// A deadline `duration` from now.
    public static func after(_ duration: Duration) -> Deadline { Deadline(.now + duration) }

    /// The time left, never negative.
    public var remaining: Duration { max(.zero, ContinuousClock.now.duration(to: instant)) }

    public var isPassed: Bool { instant <= .now }

    public static func < (left: Deadline, right: Deadline) -> Bool { left.instant < right.instant }
}

/// The operation was cancelled because its deadline passed.
public struct DeadlineExceeded: Error, Sendable, CustomStringConvertible {
    public init() {}
    public var description: String { "the deadline passed before the operation ended" }
}

/// Runs `operation` and cancels it at the deadline.
///
/// The operation runs on the caller's loop and is always waited for, so it must answer cancellation. If it succeeds in
/// spite of it, its value is returned.
///
/// - Throws: ``DeadlineExceeded`` when the operation failed after the deadline; else what it throws.
public func withDeadline<Value: Sendable>(
    _ deadline: Deadline, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    guard !deadline.isPassed else { throw DeadlineExceeded() }
    let loop = EventLoop.current
    let task =
        if let loop {
            Task.immediate(executorPreference: loop) { try await operation() }
        } else {
            Task { try await operation() }
        }
    let expired = ExpiryFlag()
    let timer = (loop ?? .background).schedule(after: deadline.remaining) {
        expired.set()
        task.cancel()
    }
    defer { timer.cancel() }
    do {
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    } catch {
        throw expired.isSet ? DeadlineExceeded() : error
    }
}

private final class ExpiryFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}
