import Glibc
import Synchronization

/// Notices when the wall clock is put back.
final class ClockComparison: Sendable {
    /// Less is the ordinary work of a time service.
    static let tolerance = Duration.seconds(2)

    private let wallClock: @Sendable () -> Duration
    /// How much the wall clock was ahead of the one that nobody puts back.
    private let ahead: Mutex<Duration>

    init(_ wallClock: @escaping @Sendable () -> Duration) {
        self.wallClock = wallClock
        ahead = Mutex(wallClock() - Self.steady())
    }

    /// By how much the wall clock was put back since the last call; nil if it was not.
    func putBack() -> Duration? {
        let now = wallClock() - Self.steady()
        let before = ahead.withLock { ahead in
            defer { ahead = now }
            return ahead
        }
        return before - now > Self.tolerance ? before - now : nil
    }

    static func steady() -> Duration { read(CLOCK_MONOTONIC) }

    static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        clock_gettime(clock, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
