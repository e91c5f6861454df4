import Runtime
import Synchronization

/// Starts components in order, runs them until a signal or a failure, and stops them in reverse order.
public struct ServiceRunner: Sendable {
    /// How a service ended.
    public enum Outcome: Sendable, Equatable {
        /// It was told to stop, and did.
        case stopped
        /// A component did not start; the sentence says which and why.
        case startFailed(String)
        /// A component failed while running.
        case failed(String)
    }

    /// What ends the service from outside: the first element begins the drain, the second one cuts it short.
    public typealias StopRequests = AsyncStream<Void>

    private let components: [any Component]
    private let group: EventLoopGroup
    private let logger: Logger
    private let drainDeadline: Duration

    /// - Parameter drainDeadline: the time that stopping may take in all.
    public init(
        components: [any Component], group: EventLoopGroup, logger: Logger, drainDeadline: Duration = .seconds(10)
    ) {
        (self.components, self.group, self.logger) = (components, group, logger)
        self.drainDeadline = drainDeadline
    }

    /// Runs the service to its end.
    /// - Parameters:
    ///   - stopRequests: usually the signals SIGTERM and SIGINT.
    ///   - onReady: called when every component has started.
    ///   - onDraining: called when stopping begins.
    ///   - onImpatience: called at the second stop request.
    public func run(
        stopRequests: StopRequests, onReady: @Sendable () async -> Void = {},
        onDraining: @Sendable () async -> Void = {}, onImpatience: @escaping @Sendable () -> Void = {}
    ) async -> Outcome {
        let end = EndOfRun()
        let watcher = Task(executorPreference: group.next()) {
            var requests = 0
            for await _ in stopRequests {
                requests += 1
                if requests == 1 { end.reached(.stopped) } else { onImpatience() }
            }
        }
        defer { watcher.cancel() }

        var running: [(component: any Component, task: Task<Void, Never>)] = []
        var outcome: Outcome?
        for component in components {
            do {
                // A stop request during the start is answered between two components.
                if let early = end.outcome {
                    outcome = early
                    break
                }
                try await component.start()
                running.append((component, runTask(component, end)))
            } catch {
                outcome = .startFailed("\(component.name) did not start: \(error)")
                break
            }
        }
        if outcome == nil {
            await onReady()
            outcome = await end.wait()
        }
        await onDraining()
        await stop(running)
        return outcome ?? .stopped
    }

    private func runTask(_ component: any Component, _ end: EndOfRun) -> Task<Void, Never> {
        Task(executorPreference: group.next()) { [logger] in
            do {
                try await component.run()
            } catch is CancellationError {
                // Being stopped is no failure.
            } catch {
                guard !Task.isCancelled else { return }
                logger.error("\(component.name) failed", error: error)
                end.reached(.failed("\(component.name) failed: \(error)"))
            }
        }
    }

    /// Every component gets what is left of the time; the last ones always get a moment.
    private func stop(_ running: [(component: any Component, task: Task<Void, Never>)]) async {
        let deadline = Deadline.after(drainDeadline)
        for (component, task) in running.reversed() {
            let share = max(deadline, .after(.milliseconds(200)))
            do {
                try await withDeadline(share) {
                    await component.stop(before: share)
                    task.cancel()
                    await task.value
                }
            } catch {
                logger.warning("\(component.name) did not stop in time")
            }
        }
    }
}

/// The first reason to end, whoever gives it.
private final class EndOfRun: Sendable {
    private let first = Mutex<ServiceRunner.Outcome?>(nil)
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(of: Void.self) }

    var outcome: ServiceRunner.Outcome? { first.withLock { $0 } }

    func reached(_ outcome: ServiceRunner.Outcome) {
        first.withLock { $0 = $0 ?? outcome }
        continuation.finish()
    }

    func wait() async -> ServiceRunner.Outcome {
        for await _ in stream {}
        return outcome ?? .stopped
    }
}
