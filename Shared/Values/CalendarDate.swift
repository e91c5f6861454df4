import Foundation

/// A day of the calendar, without time or zone: `2026-01-31`, in the years 1900 to 2200.
public struct CalendarDate: Sendable, Hashable, Comparable, Codable, LosslessStringConvertible {
    /// Days since 1970-01-01.
    public let days: Int

    /// `days` since 1970-01-01; the caller keeps it within the years that can be written.
    public init(days: Int) { self.days = days }

    /// nil when there is no such day.
    public init?(year: Int, month: Int, day: Int) {
        guard Civil.years.contains(year), (1...12).contains(month),
            (1...Civil.daysInMonth(year: year, month: month)).contains(day)
        else { return nil }
        days = Civil.days(year: year, month: month, day: day)
    }

    /// `2026-01-31`, nothing else.
    public init(parsing text: String) throws(ValueError) {
        var text = text
        let parsed = text.withUTF8 { $0.count == 10 ? CalendarDate.days(of: $0) : nil }
        guard let parsed else {
            throw ValueError(
                "invalidDate", "Write a date as YYYY-MM-DD, between 1900 and 2200, like 2026-01-31.",
                zh: "日期须为 YYYY-MM-DD 格式（1900 至 2200 年），例如 2026-01-31。")
        }
        days = parsed
    }

    public init?(_ description: String) {
        guard let parsed = try? CalendarDate(parsing: description) else { return nil }
        self = parsed
    }

    /// The days of the date in the first ten bytes, or nil when they are no date.
    static func days(of bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard bytes.count >= 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            let year = Digits.read(bytes, 0, 4), let month = Digits.read(bytes, 5, 2),
            let day = Digits.read(bytes, 8, 2)
        else { return nil }
        return CalendarDate(year: year, month: month, day: day)?.days
    }

    public var components: (year: Int, month: Int, day: Int) { Civil.date(days: days) }
    public var year: Int { components.year }
    public var month: Int { components.month }
    public var day: Int { components.day }

    public static func < (left: CalendarDate, right: CalendarDate) -> Bool { left.days < right.days }

    public func adding(days count: Int) -> CalendarDate { CalendarDate(days: days + count) }

    /// Whole days from `earlier` to this date.
    public func days(since earlier: CalendarDate) -> Int { days - earlier.days }

    public var description: String {
        String(unsafeUninitializedCapacity: 10) { buffer in
            write(into: buffer)
            return 10
        }
    }

    /// Writes the 10 ASCII bytes of `description` at the start of `buffer`.
    public func write(into buffer: UnsafeMutableBufferPointer<UInt8>) {
        let (year, month, day) = components
        Digits.write(year, 4, into: buffer, at: 0)
        buffer[4] = UInt8(ascii: "-")
        Digits.write(month, 2, into: buffer, at: 5)
        buffer[7] = UInt8(ascii: "-")
        Digits.write(day, 2, into: buffer, at: 8)
    }

    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
