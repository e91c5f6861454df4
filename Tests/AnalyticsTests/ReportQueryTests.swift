import HTTP
import Testing
import Values

@testable import Analytics

@Suite struct ReportQueryTests {
    @Test func ratiosHaveFourDigitsAndAreNullWithoutAWhole() {
        #expect(Ratio.of(729, 729 + 418) == 0.6356)
        #expect(Ratio.of(1, 3) == 0.3333)
        #expect(Ratio.of(2, 3) == 0.6667)
        // 0.00005 is a half: away from zero.
        #expect(Ratio.of(1, 20_000) == 0.0001)
        #expect(Ratio.of(0, 0) == nil)
    }

    @Test(arguments: [
        "groupBy=colour", "groupBy=day,week", "groupBy=owner,owner", "groupBy=owner,stage,source",
        "groupBy=cohort", "from=2026-02-30", "from=2026-02-02&to=2026-02-01",
    ])
    func whatMakesNoSenseIsRefused(query: String) {
        #expect(throws: Problem.self) { try ReportQuery(.opportunities, try Query(parsing: query)) }
    }

    @Test func periodsOfTargets() throws {
        #expect(TargetPeriod("2026-Q4")?.days == CalendarDate("2026-10-01")!...CalendarDate("2026-12-31")!)
        #expect(TargetPeriod("2024-02")?.days == CalendarDate("2024-02-01")!...CalendarDate("2024-02-29")!)
        #expect(TargetPeriod("2026")?.days == CalendarDate("2026-01-01")!...CalendarDate("2026-12-31")!)
        for bad in ["", "2026-", "2026-13", "2026-Q5", "2026-Q0", "26", "2026-1", "99999", "2026-11-01"] {
            #expect(TargetPeriod(bad) == nil, "\(bad)")
        }
    }

    @Test func daysOfAWeekAreThoseOfItsName() {
        for text in ["2026-01-01", "2024-12-30", "2021-01-03", "2026-07-15"] {
            let day = CalendarDate(text)!
            let key = GroupKey(dimension: .week, name: day.key(of: .week))
            #expect(Drill.days(key) == day.start(of: .week)...day.end(of: .week))
        }
    }
}
