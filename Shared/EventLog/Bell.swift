import Runtime
import Synchronization

/// Wakes whoever waits. Who counted the rings before looking for work misses none that comes while he looks.
final class Bell: Sendable {
    private struct State {
        var rings = 0
        var nextWaiter = 0
        /// Those on their way to wait, who have no continuation yet, and those who wait.
        var waiters: [Int: CheckedContinuation<Void, Never>?] = [:]
    }

    private let state = Mutex(State())

    /// How often it rang.
    var rings: Int { state.withLock { $0.rings } }

    func ring() {
        let waiters = state.withLock { state in
            state.rings += 1
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter?.resume() }
    }

    /// Returns at the first ring after so many, at the latest after `limit`; at once on cancellation.
    func wait(after rings: Int, upTo limit: Duration, on loop: EventLoop) async {
        let number: Int? = state.withLock { state in
            guard state.rings == rings else { return nil }
            state.nextWaiter += 1
            state.waiters[state.nextWaiter] = .some(nil)
            return state.nextWaiter
        }
        guard let number else { return }
        let timer = loop.schedule(after: limit) { [weak self] in self?.wake(number) }
        defer { timer.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
                let waits = state.withLock { state in
                    guard state.waiters[number] != nil else { return false }
                    state.waiters[number] = .some(waiter)
                    return true
                }
                // Rung, or the time ran out, on the way here.
                if !waits { waiter.resume() }
            }
        } onCancel: {
            wake(number)
        }
    }

    private func wake(_ number: Int) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: number) ?? nil }
        waiter?.resume()
    }
}
