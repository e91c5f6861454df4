import Foundation

/// The periods reports group by.
public enum Period: String, Sendable, Hashable, CaseIterable, Codable {
    case day, week, month, quarter, year
}

extension Timestamp {
    /// The day this moment falls on in `zone`.
    public func date(in zone: TimeZone) -> CalendarDate {
        let offset = Int64(zone.secondsFromGMT(for: date)) * 1_000_000
        return CalendarDate(days: Int((microseconds + offset).floorDivided(by: Timestamp.microsecondsPerDay)))
    }
}

extension CalendarDate {
    /// The first moment of this day in `zone`.
    public func start(in zone: TimeZone) -> Timestamp {
        let midnight = Timestamp(microseconds: Int64(days) * Timestamp.microsecondsPerDay)
        // The offset at the wanted moment, found from a first guess: right on days when clocks change, too.
        let guess = midnight - .seconds(zone.secondsFromGMT(for: midnight.date))
        let start = midnight - .seconds(zone.secondsFromGMT(for: guess.date))
        // Where the clock goes on at midnight itself, an hour of this day is left out, and the day begins behind it.
        guard start.date(in: zone) < self else { return start }
        return midnight - .seconds(zone.secondsFromGMT(for: start.date))
    }

    public static func today(in zone: TimeZone, at now: Timestamp = .now()) -> CalendarDate { now.date(in: zone) }

    /// Monday is 1, Sunday 7.
    public var weekday: Int { ((days + 3) % 7 + 7) % 7 + 1 }

    public var quarter: Int { (month + 2) / 3 }

    /// The ISO 8601 week and the year it belongs to.
    public var isoWeek: (year: Int, week: Int) {
        let thursday = adding(days: 4 - weekday)
        let year = thursday.year
        return (year, (thursday.days - Civil.days(year: year, month: 1, day: 1)) / 7 + 1)
    }

    /// The first day of the period this day is in; weeks begin on Monday.
    public func start(of period: Period) -> CalendarDate {
        let (year, month, _) = components
        switch period {
        case .day: return self
        case .week: return adding(days: 1 - weekday)
        case .month: return CalendarDate(days: Civil.days(year: year, month: month, day: 1))
        case .quarter: return CalendarDate(days: Civil.days(year: year, month: quarter * 3 - 2, day: 1))
        case .year: return CalendarDate(days: Civil.days(year: year, month: 1, day: 1))
        }
    }

    /// The last day of the period this day is in.
    public func end(of period: Period) -> CalendarDate {
        let first = start(of: period)
        let (year, month, _) = first.components
        let months: Int
        switch period {
        case .day: return self
        case .week: return first.adding(days: 6)
        case .month: months = 1
        case .quarter: months = 3
        case .year: months = 12
        }
        let next = month - 1 + months
        return CalendarDate(days: Civil.days(year: year + next / 12, month: next % 12 + 1, day: 1) - 1)
    }

    /// What a report calls the period: `2026-01-31`, `2026-W05`, `2026-01`, `2026-Q1`, `2026`.
    public func key(of period: Period) -> String {
        switch period {
        case .day: return description
        case .week:
            let (year, week) = isoWeek
            return "\(year)-W\(week < 10 ? "0" : "")\(week)"
        case .month: return String(description.prefix(7))
        case .quarter: return "\(year)-Q\(quarter)"
        case .year: return "\(year)"
        }
    }
}
