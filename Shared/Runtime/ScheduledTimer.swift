import CLibUV

extension EventLoop {
    /// Calls `action` on this loop after a time, and then at every `repeating` if given.
    ///
    /// May be called from any thread. Times are rounded up to milliseconds and are at least 1 ms, because a timer of 0
    /// that re-arms itself would starve the loop. The timer runs until cancelled; nobody need keep it.
    @discardableResult
    public func schedule(
        after delay: Duration, repeating: Duration? = nil, _ action: @escaping @Sendable () -> Void
    ) -> ScheduledTimer {
        let timer = ScheduledTimer(loop: self, action: action)
        let first = delay.wholeMilliseconds
        let period = repeating.map(\.wholeMilliseconds) ?? 0
        if isCurrent {
            timer.start(first: first, period: period)
        } else {
            execute { timer.start(first: first, period: period) }
        }
        return timer
    }
}

/// A timer of a loop, made by ``EventLoop/schedule(after:repeating:_:)``.
public final class ScheduledTimer: @unchecked Sendable {
    // @unchecked: the mutable properties are touched on the loop's thread only.
    private let loop: EventLoop
    private var action: (@Sendable () -> Void)?
    private let handle = UVHandle<uv_timer_t>()
    private var isStarted = false
    private var isOver = false

    init(loop: EventLoop, action: @escaping @Sendable () -> Void) {
        self.loop = loop
        self.action = action
    }

    deinit {
        if !isStarted { handle.discard() }
    }

    func start(first: UInt64, period: UInt64) {
        guard !isOver else { return }
        isStarted = true
        // The loop's clock stands still during a turn; a timer would otherwise count from the turn's start.
        uv_update_time(loop.raw)
        uv_timer_init(loop.raw, handle.pointer)
        handle.own(self)
        uv_timer_start(
            handle.pointer, { UVHandle<uv_timer_t>.owner($0, as: ScheduledTimer.self)?.fire() }, first, period)
    }

    private func fire() {
        guard let action else { return }
        if uv_timer_get_repeat(handle.pointer) == 0 { end() }
        action()
    }

    /// Stops the timer. From the loop, it does not fire after this; from elsewhere, it may be firing just now.
    public func cancel() {
        if loop.isCurrent {
            end()
        } else {
            loop.execute { self.end() }
        }
    }

    private func end() {
        guard !isOver else { return }
        isOver = true
        action = nil
        if isStarted { handle.close() }
    }
}

extension Duration {
    /// Milliseconds rounded up, at least 1.
    var wholeMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0 else { return 1 }
        let rest = attoseconds / 1_000_000_000_000_000 + (attoseconds % 1_000_000_000_000_000 > 0 ? 1 : 0)
        let (milliseconds, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
        return overflow ? UInt64.max / 4 : max(1, milliseconds + UInt64(max(0, rest)))
    }
}
