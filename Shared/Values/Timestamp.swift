import Foundation

/// A moment: whole microseconds since 1970-01-01T00:00:00Z, in the years 1900 to 2200.
///
/// On the wire RFC 3339: read with any offset (which must be there), written in UTC with milliseconds.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    public init(milliseconds: Int64) { self.init(microseconds: milliseconds * 1000) }

    public init(_ date: Date) { self.init(microseconds: Int64((date.timeIntervalSince1970 * 1_000_000).rounded())) }

    /// The clock of this machine.
    public static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    public static let earliest = Timestamp(
        microseconds: Int64(Civil.days(year: Civil.years.lowerBound, month: 1, day: 1)) * microsecondsPerDay)
    public static let latest = Timestamp(
        microseconds: Int64(Civil.days(year: Civil.years.upperBound + 1, month: 1, day: 1)) * microsecondsPerDay - 1)

    static let microsecondsPerDay: Int64 = 86_400_000_000

    public var milliseconds: Int64 { microseconds.floorDivided(by: 1000) }
    public var date: Date { Date(timeIntervalSince1970: Double(microseconds) / 1_000_000) }

    /// The same moment without what milliseconds cannot hold: as every answer and event shows it.
    public var wholeMilliseconds: Timestamp { Timestamp(milliseconds: milliseconds) }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    public static func + (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(microseconds: time.microseconds + duration.microseconds)
    }

    public static func - (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(microseconds: time.microseconds - duration.microseconds)
    }

    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .microseconds(later.microseconds - earlier.microseconds)
    }
}

extension Duration {
    /// Whole microseconds, the rest cut off.
    public var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }

    /// Seconds as a fraction: for logs and metrics.
    public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

extension Int64 {
    /// Division that rounds down, so that moments before 1970 fall on the right day.
    func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
