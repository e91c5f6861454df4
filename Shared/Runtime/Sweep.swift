/// One timer for many limits, most of which never come: it is set for the earliest, and looks at all when it fires.
/// Belongs on its loop.
public final class Sweep: @unchecked Sendable {
    // @unchecked: everything is touched on the loop's thread only, which each entry checks; timers fire there.

    private let loop: EventLoop
    private var next: (timer: ScheduledTimer, at: ContinuousClock.Instant)?
    /// Does what is due and answers when the next is, if anything is left.
    public var action: @Sendable () -> ContinuousClock.Instant? = { nil }

    public init(loop: EventLoop) { self.loop = loop }

    /// There is a limit at this time.
    public func note(_ instant: ContinuousClock.Instant) {
        loop.preconditionOnLoop()
        if let next, next.at <= instant { return }
        next?.timer.cancel()
        let delay = ContinuousClock.now.duration(to: instant)
        next = (loop.schedule(after: delay) { [weak self] in self?.look() }, instant)
    }

    private func look() {
        next = nil
        if let earliest = action() { note(earliest) }
    }

    /// Looks no more until the next limit is noted.
    public func cancel() {
        loop.preconditionOnLoop()
        next?.timer.cancel()
        next = nil
    }
}
