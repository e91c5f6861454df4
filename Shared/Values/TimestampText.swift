// RFC 3339 text of a timestamp, by hand: this runs several times for each object read or written.

extension Timestamp: LosslessStringConvertible, CustomStringConvertible, Codable {
    /// `2026-01-01T08:00:00.000+08:00` → a timestamp.
    ///
    /// Refused: a missing offset, a day that does not exist, a leap second, more than nine fraction digits, years
    /// outside 1900 to 2200. Digits beyond microseconds are cut off.
    public init(parsing text: String) throws(ValueError) {
        var text = text
        guard let parsed = text.withUTF8({ Timestamp.microseconds(of: $0) }) else {
            throw ValueError(
                "invalidTimestamp",
                "Write a time as RFC 3339 with an offset, between 1900 and 2200, like 2026-01-31T09:30:00Z "
                    + "or 2026-01-31T17:30:00+08:00.",
                zh: "时间须为带时区偏移的 RFC 3339 格式（1900 至 2200 年），例如 2026-01-31T17:30:00+08:00。")
        }
        self.init(microseconds: parsed)
    }

    public init?(_ description: String) {
        guard let parsed = try? Timestamp(parsing: description) else { return nil }
        self = parsed
    }

    private static func microseconds(of bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard let day = CalendarDate.days(of: bytes), bytes.count >= 20, bytes[10] | 0x20 == UInt8(ascii: "t"),
            let hour = Digits.read(bytes, 11, 2), hour < 24, bytes[13] == UInt8(ascii: ":"),
            let minute = Digits.read(bytes, 14, 2), minute < 60, bytes[16] == UInt8(ascii: ":"),
            let second = Digits.read(bytes, 17, 2), second < 60
        else { return nil }
        var position = 19
        guard let fraction = fraction(of: bytes, &position), let offset = offset(of: bytes, position) else {
            return nil
        }
        let seconds = Int64(day) * 86400 + Int64(hour * 3600 + minute * 60 + second - offset)
        let moment = Timestamp(microseconds: seconds * 1_000_000 + fraction)
        return (earliest...latest).contains(moment) ? moment.microseconds : nil
    }

    /// `.123456` → microseconds; nothing there is 0.
    private static func fraction(of bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> Int64? {
        guard bytes[position] == UInt8(ascii: ".") else { return 0 }
        position += 1
        var fraction: Int64 = 0
        var digits = 0
        while position < bytes.count, bytes[position] &- 48 < 10 {
            if digits < 6 { fraction = fraction * 10 + Int64(bytes[position] &- 48) }
            digits += 1
            position += 1
        }
        guard (1...9).contains(digits) else { return nil }
        for _ in min(digits, 6)..<6 { fraction *= 10 }
        return fraction
    }

    /// `Z` or `+08:00` up to the end → seconds east of Greenwich.
    private static func offset(of bytes: UnsafeBufferPointer<UInt8>, _ position: Int) -> Int? {
        guard position < bytes.count else { return nil }
        if bytes[position] | 0x20 == UInt8(ascii: "z") { return position + 1 == bytes.count ? 0 : nil }
        let sign = bytes[position]
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), position + 6 == bytes.count,
            let hours = Digits.read(bytes, position + 1, 2), hours < 24, bytes[position + 3] == UInt8(ascii: ":"),
            let minutes = Digits.read(bytes, position + 4, 2), minutes < 60
        else { return nil }
        let seconds = hours * 3600 + minutes * 60
        return sign == UInt8(ascii: "-") ? -seconds : seconds
    }

    /// `2026-01-01T00:00:00.000Z`: in UTC, cut to milliseconds.
    public var description: String {
        String(unsafeUninitializedCapacity: 24) { buffer in
            write(into: buffer)
            return 24
        }
    }

    /// Writes the 24 ASCII bytes of `description` at the start of `buffer`.
    public func write(into buffer: UnsafeMutableBufferPointer<UInt8>) {
        let day = microseconds.floorDivided(by: Timestamp.microsecondsPerDay)
        CalendarDate(days: Int(day)).write(into: buffer)
        let millisecondOfDay = Int((microseconds - day * Timestamp.microsecondsPerDay) / 1000)
        let secondOfDay = millisecondOfDay / 1000
        buffer[10] = UInt8(ascii: "T")
        Digits.write(secondOfDay / 3600, 2, into: buffer, at: 11)
        buffer[13] = UInt8(ascii: ":")
        Digits.write(secondOfDay / 60 % 60, 2, into: buffer, at: 14)
        buffer[16] = UInt8(ascii: ":")
        Digits.write(secondOfDay % 60, 2, into: buffer, at: 17)
        buffer[19] = UInt8(ascii: ".")
        Digits.write(millisecondOfDay % 1000, 3, into: buffer, at: 20)
        buffer[23] = UInt8(ascii: "Z")
    }

    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
