import Runtime

/// When libcurl wants to be called next (`CURLMOPT_TIMERFUNCTION`). Belongs on its loop.
final class ClientTimer: @unchecked Sendable {
    // @unchecked: everything is touched on the loop's thread only, by libcurl's callback and by the timers.

    private let loop: EventLoop
    private var timer: (timer: ScheduledTimer, at: ContinuousClock.Instant)?
    /// The timer may be set earlier, and then is set again.
    private var wakeUp: ContinuousClock.Instant?
    private var isCancelled = false
    var onDue: @Sendable () -> Void = {}

    init(loop: EventLoop) { self.loop = loop }

    /// - Parameter milliseconds: from now; negative for never.
    func set(_ milliseconds: Int) {
        guard milliseconds >= 0 else {
            wakeUp = nil
            return
        }
        let due = ContinuousClock.now + .milliseconds(milliseconds)
        wakeUp = due
        if milliseconds == 0 {
            // Never from within libcurl's callback.
            loop.execute { [weak self] in self?.timeOut() }
        } else if timer.map({ $0.at > due }) ?? true {
            arm(due)
        }
    }

    func cancel() {
        isCancelled = true
        timer?.timer.cancel()
        timer = nil
    }

    private func arm(_ due: ContinuousClock.Instant) {
        timer?.timer.cancel()
        let delay = ContinuousClock.now.duration(to: due)
        timer = (
            loop.schedule(after: delay) { [weak self] in
                self?.timer = nil
                self?.timeOut()
            }, due
        )
    }

    private func timeOut() {
        guard let due = wakeUp, !isCancelled else { return }
        if due > .now {
            if timer == nil { arm(due) }
            return
        }
        wakeUp = nil
        onDue()
    }
}
