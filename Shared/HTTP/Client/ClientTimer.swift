import Runtime

/// When libcurl wants to be called next (`CURLMOPT_TIMERFUNCTION`). Belongs on its loop.
final class ClientTimer: @unchecked Sendable {
    // @unchecked: everything is touched on the loop's thread only, by libcurl's callback and by the timers.

    private let loop: EventLoop
    private let limits: Sweep
    /// The timer may be set earlier, and then is set again.
    private var wakeUp: ContinuousClock.Instant?
    var onDue: @Sendable () -> Void = {}

    init(loop: EventLoop) {
        self.loop = loop
        limits = Sweep(loop: loop)
        limits.action = { [weak self] in self?.timeOut() }
    }

    /// - Parameter milliseconds: from now; negative for never.
    func set(_ milliseconds: Int) {
        wakeUp = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
        guard let wakeUp else { return }
        if milliseconds == 0 {
            // Never from within libcurl's callback.
            loop.execute { [weak self] in _ = self?.timeOut() }
        } else {
            limits.note(wakeUp)
        }
    }

    func cancel() {
        wakeUp = nil
        limits.cancel()
    }

    /// - Returns: when to look again.
    private func timeOut() -> ContinuousClock.Instant? {
        guard let due = wakeUp, due <= .now else { return wakeUp }
        wakeUp = nil
        onDue()
        return wakeUp
    }
}
