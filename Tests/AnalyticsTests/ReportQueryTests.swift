import Contracts
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
        "groupBy=cohort", "groupBy=quadrant", "amountFrom=-1", "amountFrom=1.001", "from=2026-02-30",
        "from=2026-02-02&to=2026-02-01",
    ])
    func whatMakesNoSenseIsRefused(query: String) {
        #expect(throws: Problem.self) { try ReportQuery(.opportunities, try Query(parsing: query)) }
    }

    @Test func daysOfAWeekAreThoseOfItsName() {
        for text in ["2026-01-01", "2024-12-30", "2021-01-03", "2026-07-15"] {
            let day = CalendarDate(text)!
            let key = GroupKey(dimension: .week, name: day.key(of: .week))
            #expect(Drill.days(key) == day.start(of: .week)...day.end(of: .week))
        }
    }

    @Test func linksNameTheCollectionOnlyWhereItCanBeAskedForJustThese() throws {
        func link(_ subject: Subject, _ query: String, _ key: GroupKey?, _ figure: String) throws -> String? {
            let group = ReportGroup(key.map { [$0] } ?? [])
            let links = Drill.members(try ReportQuery(subject, try Query(parsing: query)), of: group)
            return links.first { $0.figure == figure }?.link
        }
        let owner = GroupKey(dimension: .owner, name: "Ann", id: "1")
        #expect(
            try link(.opportunities, "groupBy=owner&from=2026-01-01&to=2026-03-31", owner, "won")
                == "/v1/opportunities?status=won&ownerId=1&closeDate.gte=2026-01-01&closeDate.lt=2026-04-01")
        #expect(
            try link(.leads, "groupBy=source", GroupKey(dimension: .source), "created")
                == "/v1/leads?source.isNull=true")
        #expect(
            try link(.leads, "groupBy=source", GroupKey(dimension: .source, name: "a,b"), "created")
                == "/v1/analytics/leads/records?figure=created&groupBy=source&key=a%2Cb")
        #expect(
            try link(.opportunities, "groupBy=region&asOf=2026-01-01", GroupKey(dimension: .region, name: "华北"), "open")
                == "/v1/analytics/opportunities/records?figure=open&groupBy=region&key=%E5%8D%8E%E5%8C%97&asOf=2026-01-01"
        )
        #expect(try link(.customers, "", nil, "customers") == "/v1/accounts")
        #expect(
            try link(.customers, "from=2026-01-01", nil, "customers")
                == "/v1/analytics/customers/records?figure=customers&from=2026-01-01")
    }

    @Test func groupsStandByTheirNamesAndThoseWithoutLast() {
        func group(_ first: String?, _ second: String?, id: String? = nil) -> ReportGroup {
            ReportGroup([
                GroupKey(dimension: .owner, name: first, id: id), GroupKey(dimension: .source, name: second),
            ])
        }
        let sorted = [
            group("Ann", "web"), group("Ann", nil), group("Bo", "fair", id: "1"), group("Bo", "fair", id: "2"),
            group(nil, "fair"), group(nil, nil),
        ]
        #expect(sorted.reversed().sorted() == sorted)
    }

    @Test func wordsHaveNamesInTheReadersLanguageAndNamesHaveNone() {
        var names = ["en": GroupNames(language: "en"), "zh": GroupNames(language: "zh")]
        for language in ["en", "zh"] {
            names[language]?.add(FunnelStage(key: "needs", zh: "需求", en: "Needs", winRate: 30))
            // The same key of a pipeline that comes later.
            names[language]?.add(FunnelStage(key: "needs", zh: "另", en: "Other", winRate: 30))
        }
        func name(_ dimension: Dimension, _ key: String?, _ language: String) -> String? {
            names[language]?.name(of: GroupKey(dimension: dimension, name: key))
        }
        #expect(name(.stage, "needs", "en") == "Needs" && name(.stage, "needs", "zh") == "需求")
        #expect(name(.stage, "gone", "en") == "gone" && name(.stage, nil, "en") == nil)
        #expect(name(.lifecycle, "atRisk", "en") == "At risk" && name(.lifecycle, "atRisk", "zh") == "流失预警")
        #expect(name(.quadrant, "B", "en") == "First buyers" && name(.quadrant, "B", "zh") == "初购客户")
        for dimension in Dimension.allCases where ![.stage, .lifecycle, .quadrant].contains(dimension) {
            #expect(name(dimension, "needs", "en") == nil)
        }
        let group = ReportGroup([
            GroupKey(dimension: .owner, name: "Ann", id: "1"), GroupKey(dimension: .stage, name: "needs"),
        ])
        #expect(
            group.members(GroupNames(language: "zh")).map(\.name) == ["key", "id", "key2", "name2"])
    }

    @Test func quadrantsOnTheirBounds() {
        var question = QuadrantQuestion()
        (question.ordersFrom, question.averageFrom) = (3, Money(minorUnits: 100, currency: .usd))
        let bounds = QuadrantThresholds(question, buyers: 0, orders: 0, sum: 0)
        func quadrant(_ orders: Int, _ sum: Int64, _ ever: Bool = true) -> Quadrant {
            Quadrant(orders: orders, sum: sum, everBought: ever, bounds)
        }
        #expect(quadrant(0, 0, false) == .prospects && quadrant(0, 0) == .lapsed)
        #expect(quadrant(2, 199) == .firstBuyers && quadrant(2, 200) == .largeOrders)
        #expect(quadrant(3, 299) == .manyOrders && quadrant(3, 300) == .best)
        // Without bounds the means of those who bought: 2 orders, 150.
        let means = QuadrantThresholds(QuadrantQuestion(), buyers: 2, orders: 4, sum: 600)
        #expect(means.ordersFrom == 2 && means.averageFrom == 150)
        #expect(QuadrantThresholds(QuadrantQuestion(), buyers: 1, orders: 1, sum: 5).ordersFrom == 2)
    }
}
