/// Cancels the calling task when the deadline passes before `operation` ends: for a task that is over then anyhow, at
/// a fraction of what ``withDeadline(_:_:)`` costs, which has a task and a timer of its own.
///
/// The operation is always waited for, so it must answer cancellation. If it succeeds in spite of it, its value is
/// returned.
///
/// - Throws: ``DeadlineExceeded`` when the operation failed after the deadline; else what it throws.
public func endingTask<Value: Sendable>(
    at deadline: Deadline, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    guard let loop = EventLoop.current else { return try await withDeadline(deadline, operation) }
    guard !deadline.isPassed else { throw DeadlineExceeded() }
    return try await withUnsafeCurrentTask { task in
        guard let task else { return try await operation() }
        let number = loop.tasksToEnd.add(task, deadline)
        let result: Result<Value, any Error>
        do { result = .success(try await operation()) } catch { result = .failure(error) }
        // A task may go on elsewhere than where it began.
        if loop.isCurrent { loop.tasksToEnd.remove(number) } else { await loop.removeTaskToEnd(number) }
        if case .failure = result, deadline.isPassed { throw DeadlineExceeded() }
        return try result.get()
    }
}

/// Tasks of a loop that are cancelled at a time. Belongs on its loop.
final class TasksToEnd {
    private var tasks: [Int: (task: UnsafeCurrentTask, deadline: Deadline)] = [:]
    private var lastNumber = 0
    private let limits: Sweep

    init(loop: EventLoop) {
        limits = Sweep(loop: loop)
        limits.action = { [unowned loop] in loop.tasksToEnd.endOverdue() }
    }

    var isEmpty: Bool { tasks.isEmpty }

    /// The task must be removed before it ends.
    func add(_ task: UnsafeCurrentTask, _ deadline: Deadline) -> Int {
        lastNumber += 1
        tasks[lastNumber] = (task, deadline)
        limits.note(deadline.instant)
        return lastNumber
    }

    func remove(_ number: Int) { tasks[number] = nil }

    private func endOverdue() -> ContinuousClock.Instant? {
        let overdue = tasks.filter { $0.value.deadline.isPassed }
        for (number, (task, _)) in overdue {
            tasks[number] = nil
            task.cancel()
        }
        return tasks.values.map(\.deadline.instant).min()
    }
}

extension EventLoop {
    fileprivate func removeTaskToEnd(_ number: Int) async {
        await withCheckedContinuation { continuation in
            execute {
                self.tasksToEnd.remove(number)
                continuation.resume()
            }
        }
    }
}
