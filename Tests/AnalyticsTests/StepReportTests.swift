import Contracts
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Testing
import Values

@testable import Analytics

/// Reports of steps: stages with their measured win rates and times, the way of leads, quadrants, and the lists behind.
@Suite struct StepReportTests {
    private static let stages = [("contact", 10), ("needs", 30), ("proposal", 50), ("signed", 100)]

    private static var pipeline: PipelineSnapshot {
        PipelineSnapshot().with { pipeline in
            pipeline.name = "Simple"
            pipeline.stages = stages.map { key, rate in
                var stage = StageSnapshot()
                (stage.key, stage.zh, stage.en, stage.winRate) = (key, "中\(key)", "the \(key)", Int64(rate))
                return stage
            }
        }
    }

    private static func day(_ number: Int) -> Timestamp {
        CalendarDate(year: 2026, month: 1, day: 1)?.adding(days: number).start(in: .gmt) ?? .now()
    }

    private static func rate(of stage: String) -> Int64? {
        stages.first { $0.0 == stage }.map { Int64($0.1) }
    }

    /// A deal that goes through stages, a day in each, and ends as told.
    private static func deal(
        _ fixture: AnalyticsFixture, _ pipeline: PipelineSnapshot, _ stages: [String], _ end: String,
        _ edit: (inout OpportunitySnapshot) -> Void = { _ in }
    ) -> [CloudEvent] {
        var state = OpportunitySnapshot().with {
            ($0.pipelineId, $0.stage, $0.openedAt, $0.stageEnteredAt) = (pipeline.id, stages[0], day(0), day(0))
            $0.winRate = rate(of: stages[0])
            $0.amount = usd("100.00")
            edit(&$0)
        }
        var events = [fixture.event(OpportunityEvents.created, state)]
        func next(_ change: (inout OpportunitySnapshot) -> Void) {
            let old = state
            change(&state)
            state.version += 1
            let previous: JSONObject = old.stage == state.stage ? ["status": "open"] : ["stage": .string(old.stage)]
            events.append(fixture.event(OpportunityEvents.stageMoved, state, previous: previous))
        }
        for (index, stage) in stages.enumerated().dropFirst() {
            next { ($0.stage, $0.stageEnteredAt, $0.winRate) = (stage, day(index), rate(of: stage)) }
        }
        guard end != "open" else { return events }
        next {
            ($0.status, $0.closedAt, $0.closeDate) = (end, day(stages.count), day(stages.count).date(in: .gmt))
            if end == "won" { ($0.stage, $0.stageEnteredAt) = ("signed", day(stages.count)) }
            if end == "lost" { $0.lostReason = "price" }
        }
        return events
    }

    @Test func theMeasuredWinRateStandsBesideTheConfigured() async throws {
        try await AnalyticsFixture.with { fixture in
            let pipeline = Self.pipeline
            var events = [fixture.event(PipelineEvents.created, pipeline)]
            // Ten customers contacted, one order.
            for _ in 1...7 { events += Self.deal(fixture, pipeline, ["contact"], "lost") }
            // One jumped over a stage, and came as far as the one it jumped to.
            events += Self.deal(fixture, pipeline, ["contact", "proposal"], "lost")
            events += Self.deal(fixture, pipeline, ["contact", "needs"], "lost")
            events += Self.deal(fixture, pipeline, ["contact", "needs"], "won")
            events += Self.deal(fixture, pipeline, ["contact", "needs"], "open")
            try await fixture.apply(events)
            let query = try ReportQuery(.opportunities, try Query(parsing: "groupBy=lostReason"))
            let report = try await StageReport(database: fixture.database)
                .answer(query, tenant: fixture.tenant, principal: fixture.principal())
            let stages = report["stages"]?.array ?? []
            #expect(stages.map { $0["key"]?.string } == Self.stages.map(\.0))
            #expect(stages.map { $0["winRate"]?.int } == [10, 30, 50, 100])
            #expect(stages.map { $0["reached"]?.int } == [10, 3, 2, 1])
            #expect(stages.map { $0["measuredWinRate"]?.double } == [0.1, 0.3333, 0.5, 1])
            #expect(stages[0]["medianDays"]?.double == 1 && stages[0]["left"] == 11)
            #expect(stages[3]["medianDays"] == .null)
            // On the first day nobody had left a stage yet.
            let first = Self.day(0).date(in: .gmt)
            let early = try await StageReport(database: fixture.database).answer(
                try ReportQuery(.opportunities, try Query(parsing: "asOf=\(first)")), tenant: fixture.tenant,
                principal: fixture.principal())
            #expect(early["asOf"] == first.json && early["stages"]?[0]?["left"] == 0)
            #expect(report.group("price")?["stages"]?[0]?["lost"] == 9)

            // The funnel shows every stage of the pipeline, with deals or without.
            let period = try #require(PeriodKey("2026-Q1"))
            let funnel = try await Funnel(database: fixture.database).answer(
                period, tenant: fixture.tenant, principal: fixture.principal(), language: .chinese, now: Self.day(20))
            let rows = funnel["stages"]?.array ?? []
            #expect(rows.map { $0["name"]?.string } == ["中contact", "中needs", "中proposal", "中signed"])
            #expect(rows.map { $0["open"]?.int } == [0, 1, 0, 0] && rows.map { $0["won"]?.int } == [0, 0, 0, 1])
            #expect(rows[0]["measuredWinRate"]?.double == 0.1)
            // From zero the same.
            #expect(try await Rebuild(database: fixture.database, consumer: nil).run(fixture.tenant).isEqual)
        }
    }

    /// Events of opportunities tell the Chinese name; those of pipelines both, of each version.
    @Test func theFunnelNamesStagesOfOlderVersionsInTheReadersLanguage() async throws {
        try await AnalyticsFixture.with { fixture in
            var pipeline = Self.pipeline
            var events = [fixture.event(PipelineEvents.created, pipeline)]
            events += Self.deal(fixture, pipeline, ["proposal"], "open") { $0.stageName = "中proposal" }
            (pipeline.version, pipeline.pipelineVersion) = (2, 2)
            pipeline.stages.removeAll { $0.key == "proposal" }
            events.append(fixture.event(PipelineEvents.updated, pipeline))
            try await fixture.apply(events)
            let period = try #require(PeriodKey("2026-Q1"))
            for (language, name) in [(Language.english, "the proposal"), (.chinese, "中proposal")] {
                let funnel = try await Funnel(database: fixture.database).answer(
                    period, tenant: fixture.tenant, principal: fixture.principal(), language: language,
                    now: Self.day(20))
                let line = funnel["stages"]?.array?.first { $0["key"] == "proposal" }
                #expect(line?["name"]?.string == name && line?["open"] == 1)
            }
        }
    }

    /// Of stages in use, and of those that only an older version had; owners are called what their key says.
    @Test func groupsByStageAreNamedInTheReadersLanguage() async throws {
        try await AnalyticsFixture.with { fixture in
            var pipeline = Self.pipeline
            var events = [fixture.event(PipelineEvents.created, pipeline)]
            events += Self.deal(fixture, pipeline, ["needs"], "open")
            events += Self.deal(fixture, pipeline, ["needs", "proposal"], "lost")
            (pipeline.version, pipeline.pipelineVersion) = (2, 2)
            pipeline.stages.removeAll { $0.key == "proposal" }
            events.append(fixture.event(PipelineEvents.updated, pipeline))
            try await fixture.apply(events)
            for (language, prefix) in [(Language.english, "the "), (.chinese, "中")] {
                let counts = try await fixture.report(.opportunities, "groupBy=owner,stage", in: language)
                let query = try ReportQuery(.opportunities, try Query(parsing: "groupBy=owner,stage"), currency: .usd)
                let stages = try await StageReport(database: fixture.database).answer(
                    query, tenant: fixture.tenant, principal: fixture.principal(), language: language)
                #expect(counts["groups"]?.array?.map { $0["key2"]?.string } == ["needs", "proposal"])
                #expect(
                    counts["groups"]?.array?.map { $0["name2"]?.string } == ["\(prefix)needs", "\(prefix)proposal"])
                #expect(stages["groups"]?.array?.map { $0["name2"]?.string } == ["\(prefix)proposal"])
                #expect(counts["groups"]?.array?.allSatisfy { $0["name"] == nil } == true)
            }
        }
    }

    /// A deal that was lost and comes back to the same stage was not in it meanwhile.
    @Test func timeInAStageEndsWhereTheDealIsClosed() async throws {
        try await AnalyticsFixture.with { fixture in
            let pipeline = Self.pipeline
            var events = [fixture.event(PipelineEvents.created, pipeline)]
            let lost = Self.deal(fixture, pipeline, ["contact", "needs"], "lost")
            events += lost
            let id = try #require(UUID(uuidString: lost[0].aggregateID))
            var state = OpportunitySnapshot().with {
                ($0.id, $0.version, $0.pipelineId, $0.stage, $0.status) = (id, 4, pipeline.id, "needs", "open")
                ($0.openedAt, $0.stageEnteredAt) = (Self.day(0), Self.day(30))
            }
            let reopened = fixture.event(OpportunityEvents.reopened, state, previous: ["status": "lost"])
            (state.version, state.stage, state.stageEnteredAt) = (5, "proposal", Self.day(33))
            let moved = fixture.event(OpportunityEvents.stageMoved, state, previous: ["stage": "needs"])
            try await fixture.apply(events + [reopened, moved])
            let report = try await StageReport(database: fixture.database)
                .answer(ReportQuery(.opportunities), tenant: fixture.tenant, principal: fixture.principal())
            let needs = try #require(report["stages"]?[1])
            #expect(needs["key"] == "needs" && needs["left"] == 2, "\(needs)")
            #expect(needs["medianDays"]?.double == 2, "one day until it was lost, three after it came back")
            #expect(try await Rebuild(database: fixture.database, consumer: nil).run(fixture.tenant).isEqual)
        }
    }

    @Test func theWayOfLeadsByCohort() async throws {
        try await AnalyticsFixture.with { fixture in
            let account = AccountSnapshot().with { $0.name = "A" }
            func lead(_ created: Int, _ edit: (inout LeadSnapshot) -> Void = { _ in }) -> LeadSnapshot {
                LeadSnapshot().with {
                    $0.createdAt = Self.day(created)
                    edit(&$0)
                }
            }
            let deal = Self.deal(fixture, Self.pipeline, ["contact", "needs"], "won")
            let dealID = UUID(uuidString: deal[0].aggregateID)
            let way = lead(0)
            let qualified = way.with { ($0.version, $0.status) = (2, "qualified") }
            let converted = qualified.with {
                ($0.version, $0.status, $0.convertedAt) = (3, "converted", Self.day(2))
                ($0.accountId, $0.opportunityId) = (account.id, dealID)
            }
            let orders = [-400, 5, 6].map { day in
                OrderSnapshot().with {
                    ($0.accountId, $0.status, $0.amount) = (account.id, "placed", usd("1.00"))
                    $0.orderedOn = Self.day(day).date(in: .gmt)
                }
            }
            try await fixture.apply(
                [
                    fixture.event(LeadEvents.created, way, at: Self.day(0)),
                    fixture.event(LeadEvents.statusChanged, qualified, previous: ["status": "new"], at: Self.day(1)),
                    fixture.event(LeadEvents.converted, converted, previous: ["status": "qualified"], at: Self.day(2)),
                    fixture.event(LeadEvents.created, lead(0)), fixture.event(LeadEvents.created, lead(40)),
                    fixture.event(AccountEvents.created, account),
                ] + deal + orders.map { fixture.event(OrderEvents.created, $0) })
            let query = try ReportQuery(.leads, try Query(parsing: "groupBy=month&stableFromOrder=3"))
            let report = try await Journey(database: fixture.database)
                .answer(query, tenant: fixture.tenant, principal: fixture.principal())
            let steps = report.group("2026-01")?["steps"]?.array ?? []
            #expect(
                steps.map { $0["step"]?.string } == ["lead", "qualified", "opportunity", "won", "firstOrder", "stable"])
            #expect(steps.map { $0["count"]?.int } == [2, 1, 1, 1, 1, 1])
            #expect(steps[1]["rate"]?.double == 0.5 && steps[1]["medianDays"]?.double == 1)
            #expect(steps[3]["medianDays"]?.double == 2, "won two days after it was opened")
            #expect(steps[5]["medianDays"]?.double == 1)
            #expect(report.group("2026-02")?["steps"]?.array?.map { $0["count"]?.int } == [1, 0, 0, 0, 0, 0])
            // As it was on a day: what came later had not happened.
            for (day, counts) in [(0, [2, 0, 1, 0, 0, 0]), (1, [2, 1, 1, 0, 0, 0]), (5, [2, 1, 1, 1, 1, 0])] {
                let asOf = Self.day(day).date(in: .gmt)
                let past = try await Journey(database: fixture.database).answer(
                    try ReportQuery(.leads, try Query(parsing: "groupBy=month&stableFromOrder=3&asOf=\(asOf)")),
                    tenant: fixture.tenant, principal: fixture.principal())
                #expect(past["asOf"] == asOf.json)
                let seen = past.group("2026-01")?["steps"]?.array?.compactMap { $0["count"]?.int } ?? []
                #expect(seen == counts.map(Int64.init), "\(asOf)")
            }
            #expect(report["total"]?["steps"]?[0]?["count"] == 3)
            #expect(try await Rebuild(database: fixture.database, consumer: nil).run(fixture.tenant).isEqual)
        }
    }

    @Test func everyListIsAsLongAsItsFigureSays() async throws {
        try await AnalyticsFixture.with { fixture in
            let team = TeamSnapshot().with { ($0.name, $0.region) = ("North", "North") }
            let ann = UserSnapshot().with { ($0.name, $0.teamId) = ("Ann", team.id) }
            let pipeline = Self.pipeline
            var events = [
                fixture.event(PipelineEvents.created, pipeline), fixture.event(TeamEvents.created, team),
                fixture.event(UserEvents.created, ann),
            ]
            for (index, end) in ["won", "won", "won", "lost", "open", "open"].enumerated() {
                events += Self.deal(fixture, pipeline, ["contact", "needs"], end) {
                    $0.ownerId = index.isMultiple(of: 2) ? ann.id : nil
                    $0.source = index < 3 ? "Web" : nil
                    $0.amount = usd("\(index)00.00")
                }
            }
            for index in 0..<5 {
                let account = AccountSnapshot().with { ($0.name, $0.ownerId) = ("A\(index)", index < 2 ? ann.id : nil) }
                events.append(fixture.event(AccountEvents.created, account))
                for number in 0..<index {
                    let order = OrderSnapshot().with {
                        ($0.accountId, $0.status, $0.amount) = (account.id, "placed", usd("\(index)0.00"))
                        $0.orderedOn = Timestamp.now().date(in: .gmt).adding(days: -number)
                    }
                    events.append(fixture.event(OrderEvents.created, order))
                }
            }
            try await fixture.apply(events)
            let questions: [(Subject, String)] = [
                (.opportunities, "groupBy=region"), (.opportunities, "groupBy=region,month"),
                (.opportunities, "groupBy=manager&amountFrom=200.00"), (.opportunities, "groupBy=lostReason,owner"),
                (.opportunities, "groupBy=stage&asOf=2026-01-03"), (.customers, "groupBy=quadrant"),
                (.customers, "groupBy=lifecycle"), (.customers, "groupBy=cohort,owner"), (.customers, "groupBy=week"),
            ]
            var compared = 0
            for (subject, question) in questions {
                let report = try await fixture.report(subject, question)
                for group in (report["groups"]?.array ?? []) + [report["total"] ?? .null] {
                    for (figure, link) in group["drill"]?.object ?? [:] {
                        guard let link = link.string, link.contains("/records?") else { continue }
                        #expect(try await fixture.count(link) == group[figure]?.int, "\(question): \(link)")
                        compared += 1
                    }
                }
            }
            #expect(compared > 60)
            // Who sees less counts less, and lists less.
            let own = Principal(
                tenant: fixture.tenant.id, subject: ann.id.lowercased, kind: .user, role: "sales", permissions: [],
                visibility: .own)
            let mine = try await fixture.report(.opportunities, "groupBy=region", by: own)
            #expect(mine.group("North")?["won"] == 2 && mine["groups"]?.array?.count == 1)
            let link = try #require(mine.group("North")?["drill"]?["won"]?.string)
            #expect(try await fixture.count(link, by: own) == 2)
            #expect(try await fixture.report(.customers, "", by: own)["total"]?["orders"] == 1)
        }
    }

    @Test func customersByQuadrant() async throws {
        try await AnalyticsFixture.with { fixture in
            let day = try #require(CalendarDate("2026-06-30"))
            func customer(_ name: String, _ orders: [(daysBefore: Int, amount: String)]) async throws {
                let account = AccountSnapshot().with { ($0.name, $0.createdAt) = (name, Self.day(0)) }
                let told = orders.map { order in
                    OrderSnapshot().with {
                        ($0.accountId, $0.status, $0.amount) = (account.id, "placed", usd(order.amount))
                        $0.orderedOn = day.adding(days: -order.daysBefore)
                    }
                }
                try await fixture.apply(
                    [fixture.event(AccountEvents.created, account)]
                        + told.map { fixture.event(OrderEvents.created, $0) })
            }
            try await customer("prospect", [])
            try await customer("first", [(1, "10.00")])
            try await customer("large", [(1, "500.00")])
            try await customer("many", [(1, "10.00"), (2, "10.00"), (3, "10.00")])
            try await customer("best", [(1, "500.00"), (2, "100.00"), (30, "100.00")])
            try await customer("lapsed", [(365, "500.00")])
            let report = try await fixture.report(
                .customers, "groupBy=quadrant&asOf=2026-06-30&ordersFrom=3&averageFrom=100.00")
            for key in ["A", "B", "C", "D", "E", "lapsed"] {
                #expect(report.group(key)?["customers"] == 1, "\(key)")
            }
            #expect(report["quadrants"]?["averageFrom"]?["amount"] == "100.00")
            #expect(report.group("E")?["orders"] == 3 && report.group("E")?["buyers"] == 1)
        }
    }
}
