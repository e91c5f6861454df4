/// A year, quarter or month as targets and reports name it: `2026`, `2026-Q4`, `2026-11`.
public struct PeriodKey: Sendable, Hashable, LosslessStringConvertible {
    public let period: Period
    /// First and last day.
    public let days: ClosedRange<CalendarDate>

    /// The year, quarter or month that a day is in.
    public init(_ period: Period, of day: CalendarDate) {
        self.period = period
        days = day.start(of: period)...day.end(of: period)
    }

    /// nil for anything else.
    public init?(_ description: String) {
        let parts = description.split(separator: "-", omittingEmptySubsequences: false)
        guard description.utf8.count <= 7, parts[0].utf8.count == 4, let year = Int(parts[0]), parts.count <= 2 else {
            return nil
        }
        let (period, month): (Period, Int?)
        if parts.count == 1 {
            (period, month) = (.year, 1)
        } else if parts[1].first == "Q" {
            (period, month) = (.quarter, ["Q1": 1, "Q2": 4, "Q3": 7, "Q4": 10][parts[1]])
        } else {
            (period, month) = (.month, parts[1].utf8.count == 2 ? Int(parts[1]) : nil)
        }
        guard let month, let first = CalendarDate(year: year, month: month, day: 1) else { return nil }
        self.init(period, of: first)
        // "+026" and "1e" are numbers to nobody but a parser.
        guard self.description == description else { return nil }
    }

    public var description: String { days.lowerBound.key(of: period) }

    /// The quarters of a year, the months of a quarter; a month has none.
    public var parts: [PeriodKey] {
        let smaller: Period
        switch period {
        case .year: smaller = .quarter
        case .quarter: smaller = .month
        default: return []
        }
        var parts = [PeriodKey(smaller, of: days.lowerBound)]
        while let last = parts.last, last.days.upperBound < days.upperBound {
            parts.append(PeriodKey(smaller, of: last.days.upperBound.adding(days: 1)))
        }
        return parts
    }
}
