import Foundation
import Testing
import Values

@Suite struct TimestampTests {
    @Test(arguments: [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"),
        ("2026-01-01T08:00:00.123456+08:00", "2026-01-01T00:00:00.123Z"),
        ("2024-02-29t23:59:59.9z", "2024-02-29T23:59:59.900Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000Z"),
        ("2200-12-31T18:59:59.999999999-05:00", "2200-12-31T23:59:59.999Z"),
    ])
    func readsAndWrites(text: String, expected: String) throws {
        #expect(try Timestamp(parsing: text).description == expected)
    }

    @Test(arguments: [
        "", "2026-01-01", "2026-01-01T00:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-12-31T23:59:60Z", "99999-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+8:00",
        "2026-01-01T00:00:00+08:00 ", "2026-01-01 00:00:00Z", "2201-01-01T00:00:00Z", "2026-01-01T00:00:00Z\0",
    ])
    func refuses(text: String) {
        #expect(throws: ValueError.self) { try Timestamp(parsing: text) }
    }

    @Test func agreesWithFoundationOverThreeCenturies() throws {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        for step in stride(from: Timestamp.earliest.milliseconds, to: Timestamp.latest.milliseconds, by: 86_399_777_500)
        {
            let time = Timestamp(milliseconds: step)
            #expect(time.description == time.date.formatted(style))
            #expect(try Timestamp(parsing: time.description) == time)
        }
    }

    @Test func fallsOnTheDayOfTheZone() throws {
        let shanghai = try #require(TimeZone(identifier: "Asia/Shanghai"))
        let evening = try Timestamp(parsing: "2025-12-31T16:00:00Z")
        #expect(evening.date(in: shanghai).description == "2026-01-01")
        #expect(evening.date(in: .gmt).description == "2025-12-31")
        #expect(try CalendarDate(parsing: "2026-01-01").start(in: shanghai) == evening)
        let newYork = try #require(TimeZone(identifier: "America/New_York"))
        let change = try CalendarDate(parsing: "2026-03-08")
        #expect(change.start(in: newYork).description == "2026-03-08T05:00:00.000Z")
        #expect(change.adding(days: 1).start(in: newYork).description == "2026-03-09T04:00:00.000Z")
        // Where the clock goes on at midnight the day begins an hour late, west of Greenwich, too.
        for (name, day, start) in [
            ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00.000Z"),
            ("America/Havana", "2026-03-08", "2026-03-08T05:00:00.000Z"),
            ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00.000Z"),
        ] {
            let zone = try #require(TimeZone(identifier: name))
            let date = try CalendarDate(parsing: day)
            #expect(date.start(in: zone).description == start)
            #expect(date.start(in: zone).date(in: zone) == date)
            #expect((date.start(in: zone) - .milliseconds(1)).date(in: zone) == date.adding(days: -1))
        }
    }
}

@Suite struct CalendarDateTests {
    @Test func namesPeriods() throws {
        let date = try CalendarDate(parsing: "2027-01-02")
        #expect(Period.allCases.map { date.key(of: $0) } == ["2027-01-02", "2026-W53", "2027-01", "2027-Q1", "2027"])
        #expect(date.start(of: .week).description == "2026-12-28")
        #expect(date.end(of: .week).description == "2027-01-03")
        let november = try CalendarDate(parsing: "2026-11-25")
        #expect(november.start(of: .quarter).description == "2026-10-01")
        #expect(november.end(of: .quarter).description == "2026-12-31")
        #expect(try CalendarDate(parsing: "2024-02-10").end(of: .month).day == 29)
        #expect(november.weekday == 3)
    }

    @Test(arguments: ["2026-1-1", "2026-02-30", "20260101", "2026-01-01T", "+026-01-01", "1899-12-31", "2201-01-01"])
    func refuses(text: String) {
        #expect(throws: ValueError.self) { try CalendarDate(parsing: text) }
    }
}

@Suite struct MoneyTests {
    @Test(arguments: [
        ("1054.00", "USD", 105_400), ("1054", "USD", 105_400), ("0.5", "USD", 50), ("7", "JPY", 7),
        ("1.234", "KWD", 1234), ("0", "CNY", 0), ("9999999999999.99", "CNY", 999_999_999_999_999),
    ])
    func reads(amount: String, code: String, minor: Int64) throws {
        let currency = try Currency(code: code)
        let money = try Money(amount: amount, currency: currency)
        #expect(money.minorUnits == minor)
        #expect(try Money(amount: money.amount, currency: currency) == money)
    }

    @Test(arguments: [
        ("-1", "negativeAmount"), ("1.005", "tooManyDigits"), ("1e3", "invalidAmount"), ("", "invalidAmount"),
        (".5", "invalidAmount"), ("5.", "invalidAmount"), ("1,000", "invalidAmount"), ("1 ", "invalidAmount"),
        ("10000000000000.00", "amountTooLarge"), ("99999999999999999999999", "amountTooLarge"),
        ("１", "invalidAmount"), ("1.2.3", "invalidAmount"),
    ])
    func refuses(amount: String, code: String) {
        let error = #expect(throws: ValueError.self) { try Money(amount: amount, currency: .usd) }
        #expect(error?.code == code)
    }

    @Test(arguments: [
        ("10000000000000.00", 1_000_000_000_000_000), ("-1.05", -105), ("92233720368547758.07", .max),
        ("92233720368547758.08", .max), ("99999999999999999999999999", .max), ("-99999999999999999999", -.max),
    ])
    func sumsStopAtTheLargestNumber(sum: String, minor: Int64) throws {
        #expect(try Money(sum: sum, currency: .usd).minorUnits == minor)
    }

    @Test func writesEveryDigitOfTheCurrency() throws {
        #expect(Money(minorUnits: 5, currency: .usd).amount == "0.05")
        #expect(Money(minorUnits: -105, currency: .usd).amount == "-1.05")
        #expect(Money(minorUnits: 5, currency: .jpy).amount == "5")
        #expect(try Money(amount: "-1.05", currency: .usd, allowNegative: true).minorUnits == -105)
        #expect(throws: ValueError.self) { try Currency(code: "usd") }
        #expect(Money(minorUnits: .max, currency: .usd).adding(Money(minorUnits: 1, currency: .usd)) == nil)
        #expect(Money(minorUnits: 1, currency: .usd).adding(Money(minorUnits: 1, currency: .eur)) == nil)
    }
}

@Suite struct IdentifierTests {
    /// Stricter than Foundation, whose `sscanf` takes spaces and signs for digits.
    @Test func anIdHasHexadecimalDigitsAndFourHyphens() {
        for _ in 0..<200 {
            let id = UUID()
            #expect(UUID(id.uuidString) == id && UUID(id.uuidString.lowercased()) == id)
            var bytes = Array(id.uuidString.utf8)
            let place = Int.random(in: 0..<36)
            bytes[place] = UInt8.random(in: 0x20...0x7E)
            let changed = String(decoding: bytes, as: UTF8.self)
            let isHyphenated = [8, 13, 18, 23].contains(place)
            let isGood = isHyphenated ? bytes[place] == 0x2D : Character(UnicodeScalar(bytes[place])).isHexDigit
            #expect(UUID(changed) == (isGood ? UUID(uuidString: changed) : nil), "\(changed)")
        }
        for text in ["", "x", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a80577"] {
            #expect(UUID(text) == nil)
        }
        #expect(UUID("01890a5d-ac96-774b-bcce-b302099a80５") == nil)
    }

    @Test func idsAscendAcrossThreads() async throws {
        let ids = await withTaskGroup(of: [UUID].self) { group in
            for _ in 0..<4 { group.addTask { (0..<5000).map { _ in UUIDv7.make() } } }
            return await group.reduce(into: [[UUID]]()) { $0.append($1) }
        }
        for batch in ids {
            let texts = batch.map(\.lowercased)
            #expect(texts == texts.sorted())
        }
        #expect(Set(ids.joined()).count == 20000)
    }

    @Test func idsSayVersionAndTime() throws {
        let time = try Timestamp(parsing: "2190-05-06T07:08:09.123Z")
        let id = UUIDv7.make(at: time)
        let text = id.lowercased
        #expect(text == id.uuidString.lowercased())
        #expect(Array(text)[14] == "7")
        #expect("89ab".contains(Array(text)[19]))
        #expect(Int64(text.filter { $0 != "-" }.prefix(12), radix: 16) == time.milliseconds)
        #expect(try UUID(parsing: text) == id)
        #expect(throws: ValueError.self) { try UUID(parsing: "01890a5dac96774bbcceb302099a8057") }
    }

    @Test func tenantIdsAreSafeNames() throws {
        let id = TenantID.make()
        #expect(try TenantID(parsing: id.text) == id)
        #expect(id.schema == "t_\(id.text)")
        for bad in [
            "", "abcdefghijklmno", "ABCDEFGHIJKLMNOP", "abcdefghijklmno\"", "abcdefghijklmno1", "中abcdefghijklm",
        ] {
            #expect(throws: ValueError.self) { try TenantID(parsing: bad) }
        }
    }
}

@Suite struct PeriodKeyTests {
    @Test(arguments: [
        ("2026", "2026-01-01", "2026-12-31"), ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2024-02", "2024-02-01", "2024-02-29"), ("2026-Q4", "2026-10-01", "2026-12-31"),
        ("2026-12", "2026-12-01", "2026-12-31"),
    ])
    func daysOfAPeriod(key: String, first: String, last: String) {
        #expect(PeriodKey(key)?.days.lowerBound.description == first)
        #expect(PeriodKey(key)?.days.upperBound.description == last)
        #expect(PeriodKey(key)?.description == key)
    }

    @Test(arguments: [
        "", "26", "2026-", "2026-13", "2026-Q5", "2026-Q0", "2026-1", "2026-01-01", "abcd", "99999", "+026", "2026-+1",
    ])
    func whatIsNoPeriod(key: String) { #expect(PeriodKey(key) == nil) }

    @Test func aYearHasQuartersAndAQuarterMonths() {
        #expect(PeriodKey("2026")?.parts.map(\.description) == ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"])
        #expect(PeriodKey("2026-Q4")?.parts.map(\.description) == ["2026-10", "2026-11", "2026-12"])
        #expect(PeriodKey("2026-11")?.parts.isEmpty == true)
    }
}
