import Runtime
import Synchronization

/// Tells any number of waiting tasks that a consumer of this process has committed.
final class CommitSignal: Sendable {
    private struct State {
        var generation = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    /// How many commits there were: taken before looking, so that one that comes meanwhile is not missed.
    var generation: Int { state.withLock { $0.generation } }

    func committed() {
        let waiters = state.withLock { state in
            state.generation += 1
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume() }
    }

    /// Returns at the first commit after `generation`, at the latest after `limit`; at once on cancellation.
    func wait(after generation: Int, upTo limit: Duration, on loop: EventLoop) async {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let timer = loop.schedule(after: limit) { [weak self] in self?.wake(number) }
        defer { timer.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
                let isDue = state.withLock { state in
                    if state.generation != generation || Task.isCancelled { return true }
                    state.waiters[number] = waiter
                    return false
                }
                if isDue { waiter.resume() }
            }
        } onCancel: {
            wake(number)
        }
    }

    private func wake(_ number: Int) {
        state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
    }
}
