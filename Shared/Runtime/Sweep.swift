/// One timer for many limits, most of which never come: it is set for the earliest, and looks at all when it fires.
/// Belongs on its loop.
public final class Sweep: @unchecked Sendable {
    // @unchecked: everything is touched on the loop's thread only, which each entry checks.

    private let loop: EventLoop
    private var next: ContinuousClock.Instant?
    private var isCancelled = false
    /// Does what is due and answers when the next is, if anything is left.
    public var action: @Sendable () -> ContinuousClock.Instant? = { nil }

    public init(loop: EventLoop) { self.loop = loop }

    /// There is a limit at this time.
    public func note(_ instant: ContinuousClock.Instant) {
        loop.preconditionOnLoop()
        if let next, next <= instant { return }
        next = instant
        loop.schedule(after: ContinuousClock.now.duration(to: instant)) { [weak self] in self?.look(instant) }
    }

    private func look(_ due: ContinuousClock.Instant) {
        // An earlier time may have been noted since.
        guard next == due, !isCancelled else { return }
        next = nil
        if let earliest = action() { note(earliest) }
    }

    public func cancel() { isCancelled = true }
}
