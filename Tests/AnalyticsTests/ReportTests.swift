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

@Suite struct ReportTests {
    private struct Cast {
        let north = Self.team("North"), south = Self.team("South")
        let ann: UserSnapshot, bo: UserSnapshot, chief: UserSnapshot
        let pro: ProductSnapshot

        init() {
            chief = Self.user("Chief", nil)
            ann = Self.user("Ann", north.id)
            bo = Self.user("Bo", south.id)
            pro = ProductSnapshot().with { $0.name = "GTX Pro" }
        }

        static func team(_ region: String) -> TeamSnapshot {
            TeamSnapshot().with { ($0.name, $0.region) = (region, region) }
        }
        static func user(_ name: String, _ team: UUID?) -> UserSnapshot {
            UserSnapshot().with { ($0.name, $0.teamId) = (name, team) }
        }

        func deal(_ owner: UserSnapshot, _ status: String, _ amount: String?, closed: String? = nil)
            -> OpportunitySnapshot
        {
            OpportunitySnapshot().with {
                $0.ownerId = owner.id
                $0.status = status
                $0.stage = status == "open" ? "engaging" : status
                $0.winRate = 50
                $0.amount = amount.flatMap(usd)
                $0.closeDate = closed.flatMap { CalendarDate($0) }
                $0.openedAt = try? Timestamp(parsing: "2026-01-05T00:00:00Z")
                var line = ProductLineSnapshot()
                line.productId = pro.id
                $0.productLines = [line]
            }
        }
    }

    @Test func sumsBeyondOneAmountAreTold() async throws {
        try await AnalyticsFixture.with { fixture in
            let cast = Cast()
            let largest = "9999999999999.99"
            for _ in 0..<2 {
                try await fixture.apply([fixture.event(OpportunityEvents.created, cast.deal(cast.ann, "open", largest))]
                )
            }
            let report = try await fixture.report(.opportunities, "groupBy=owner&from=2026-01-01&to=2026-12-31")
            #expect("\(report)".contains("19999999999999.98"), "\(report)")
        }
    }

    @Test func opportunitiesByOwnerRegionManagerProductAndQuarter() async throws {
        try await AnalyticsFixture.with { fixture in
            let cast = Cast()
            var north = cast.north
            north.managerId = cast.chief.id
            let deals = [
                cast.deal(cast.ann, "won", "100.50", closed: "2026-03-31"),
                cast.deal(cast.ann, "won", "200.00", closed: "2026-04-01"),
                cast.deal(cast.ann, "lost", nil, closed: "2026-04-02"), cast.deal(cast.bo, "open", "50.00"),
                cast.deal(cast.bo, "lost", "9.00", closed: "2026-03-01"),
            ]
            // The dimension comes last: order between aggregates must not matter.
            try await fixture.apply(deals.map { fixture.event(OpportunityEvents.created, $0) })
            try await fixture.apply(
                [
                    fixture.event(TeamEvents.created, north), fixture.event(TeamEvents.created, cast.south),
                    fixture.event(ProductEvents.created, cast.pro),
                ]
                    + [cast.ann, cast.bo, cast.chief].map { fixture.event(UserEvents.created, $0) })

            let owners = try await fixture.report(.opportunities, "groupBy=owner")
            let ann = owners.group("Ann")
            #expect(ann?["won"] == 2 && ann?["lost"] == 1 && ann?["open"] == 0)
            #expect(ann?["wonValue"]?["amount"] == "300.50")
            #expect(ann?["winRate"]?.double == 0.6667)
            #expect(ann?["drill"]?["won"]?.string == "/v1/opportunities?status=won&ownerId=\(cast.ann.id.lowercased)")
            #expect(owners["total"]?["won"] == 2 && owners["total"]?["lost"] == 2 && owners["total"]?["open"] == 1)

            #expect(try await fixture.report(.opportunities, "groupBy=region").group("North")?["won"] == 2)
            let managers = try await fixture.report(.opportunities, "groupBy=manager")
            #expect(managers.group("Chief")?["won"] == 2)
            #expect(managers.group(nil)?["lost"] == 1)
            #expect(try await fixture.report(.opportunities, "groupBy=product").group("GTX Pro")?["won"] == 2)

            let quarters = try await fixture.report(.opportunities, "groupBy=quarter,owner&from=2026-04-01")
            let second = quarters["groups"]?.array?.first
            #expect(quarters["groups"]?.array?.count == 1)
            #expect(second?["key"] == "2026-Q2" && second?["key2"] == "Ann" && second?["won"] == 1)
            #expect(second?["open"] == .null)
            #expect(quarters["total"]?["open"] == 1)
            // Before Ann's deals closed they were open.
            let past = try await fixture.report(.opportunities, "asOf=2026-03-15")
            #expect(past["total"]?["open"] == 4 && past["total"]?["won"] == 0 && past["total"]?["lost"] == 1)

            // Who sees one team counts only its own.
            let south = try await fixture.report(
                .opportunities, "", by: fixture.principal(.subtree, teams: [cast.south.id]))
            #expect(south["total"]?["won"] == 0)
        }
    }

    /// By the history: what was written later is not known yet, but what was brought in later counts by its own dates.
    @Test func aPastDayIsShownAsItWasKnownThen() async throws {
        try await AnalyticsFixture.with { fixture in
            let cast = Cast()
            func time(_ text: String) -> Timestamp { (try? Timestamp(parsing: text)) ?? .now() }
            let early = cast.deal(cast.ann, "open", "100.00").with { $0.stage = "contact" }
            let later = early.with {
                ($0.version, $0.stage, $0.amount, $0.ownerId) = (2, "proposal", usd("900.00"), cast.bo.id)
            }
            let gone = later.with { ($0.version, $0.deletedAt) = (3, time("2026-04-01T00:00:00Z")) }
            let brought = cast.deal(cast.bo, "won", "7.00", closed: "2026-02-20")
            let account = AccountSnapshot().with { $0.createdAt = time("2026-03-01T00:00:00Z") }
            let order = OrderSnapshot().with {
                ($0.accountId, $0.status, $0.amount) = (account.id, "placed", usd("5.00"))
                $0.orderedOn = CalendarDate(year: 2026, month: 3, day: 2)
            }
            let returned = order.with { ($0.version, $0.status) = (2, "returned") }
            try await fixture.apply([
                fixture.event(OpportunityEvents.created, early, at: time("2026-03-01T00:00:00Z")),
                fixture.event(OpportunityEvents.stageMoved, later, at: time("2026-03-20T00:00:00Z")),
                fixture.event(OpportunityEvents.deleted, gone, at: time("2026-04-01T00:00:00Z")),
                fixture.event(OpportunityEvents.created, brought, at: time("2026-04-02T00:00:00Z")),
                fixture.event(AccountEvents.created, account, at: time("2026-03-01T00:00:00Z")),
                fixture.event(OrderEvents.created, order, at: time("2026-03-02T00:00:00Z")),
                fixture.event(OrderEvents.returned, returned, at: time("2026-03-25T00:00:00Z")),
                fixture.event(UserEvents.created, cast.ann), fixture.event(UserEvents.created, cast.bo),
            ])
            // 16:00 UTC ends the day in Shanghai.
            for (day, owner, stage) in [("2026-03-15", "Ann", "contact"), ("2026-03-20", "Bo", "proposal")] {
                let report = try await fixture.report(.opportunities, "groupBy=owner,stage&asOf=\(day)")
                #expect(report["total"]?["open"] == 1 && report["total"]?["won"] == 1, "\(day): \(report)")
                #expect(report.group(owner)?["key2"]?.string == stage, "\(day): \(report)")
            }
            let now = try await fixture.report(.opportunities, "")
            #expect(now["total"]?["open"] == 0 && now["total"]?["won"] == 1)
            for (day, orders) in [("2026-03-01", 0), ("2026-03-24", 1), ("2026-03-25", 0)] {
                let customers = try await fixture.report(.customers, "groupBy=lifecycle&asOf=\(day)")
                #expect(customers["total"]?["orders"]?.int == Int64(orders), "\(day): \(customers)")
                #expect(customers["groups"]?[0]?["key"]?.string == (orders == 0 ? "potential" : "signed"))
            }
        }
    }

    @Test func aDayIsTheTenantsDayAndConversionsBelongToTheirCohort() async throws {
        try await AnalyticsFixture.with { fixture in
            // 17:00 UTC is the next day in Shanghai.
            let lead = LeadSnapshot().with {
                $0.createdAt = (try? Timestamp(parsing: "2026-01-31T17:00:00Z")) ?? $0.createdAt
                ($0.status, $0.source) = ("converted", "Web")
                $0.convertedAt = try? Timestamp(parsing: "2026-03-01T00:00:00Z")
            }
            let other = LeadSnapshot().with {
                $0.createdAt = (try? Timestamp(parsing: "2026-01-31T12:00:00Z")) ?? $0.createdAt
            }
            try await fixture.apply([lead, other].map { fixture.event(LeadEvents.created, $0) })
            let months = try await fixture.report(.leads, "groupBy=month")
            #expect(months.group("2026-02")?["created"] == 1 && months.group("2026-02")?["converted"] == 1)
            #expect(months.group("2026-01")?["created"] == 1 && months.group("2026-01")?["converted"] == 0)
            let sources = try await fixture.report(.leads, "groupBy=source&to=2026-02-01")
            #expect(sources.group("Web")?["conversionRate"]?.double == 1)
            #expect(sources.group(nil)?["created"] == 1)
            let deleted = lead.with { ($0.version, $0.deletedAt) = (2, .now()) }
            try await fixture.apply([fixture.event(LeadEvents.deleted, deleted)])
            #expect(try await fixture.report(.leads, "")["total"]?["created"] == 1)
        }
    }

    /// The database tells customers apart, the rule of the lifecycle says what they are: of any orders the same.
    @Test func everyCustomerIsWhereTheRuleSays() async throws {
        try await AnalyticsFixture.with { fixture in
            let asOf = try #require(CalendarDate(year: 2026, month: 6, day: 30))
            let thresholds = LifecycleThresholds(
                stableFromOrder: 3, atRiskAfterDays: 30, lostAfterDays: 60, highValueFrom: 50_000)
            // Some on the days that decide, some still to come.
            let offsets = [-200, -91, -90, -61, -60, -59, -31, -30, -29, -1, 0, 1]
            var (events, expected): ([CloudEvent], [String: Int64]) = ([], [:])
            for number in 0..<300 {
                let account = AccountSnapshot().with {
                    $0.createdAt = (try? Timestamp(parsing: "2020-01-01T00:00:00Z")) ?? $0.createdAt
                }
                events.append(fixture.event(AccountEvents.created, account))
                var (dates, value): ([CalendarDate], Int64) = ([], 0)
                for turn in 0..<number % 6 {
                    let days = offsets[(number * 7 + turn * 5 + number / 6) % offsets.count]
                    let minor = Int64((number * 2_713 + turn * 9_001) % 30_000)
                    let order = OrderSnapshot().with {
                        ($0.accountId, $0.status, $0.orderedOn) = (account.id, "placed", asOf.adding(days: days))
                        $0.amount = Money(minorUnits: minor, currency: .usd)
                    }
                    events.append(fixture.event(OrderEvents.created, order))
                    dates.append(asOf.adding(days: days))
                    if days <= 0 { value += minor }
                }
                let summary = OrderSummary(dates: dates, value: value, asOf: asOf)
                expected[LifecycleStanding(summary, thresholds, asOf: asOf).state.rawValue, default: 0] += 1
            }
            let policy = LifecyclePolicySnapshot().with { ($0.id, $0.highValueFrom) = (UUIDv7.make(), usd("500.00")) }
            try await fixture.apply(events + [fixture.event(LifecyclePolicyEvents.created, policy)])
            let report = try await fixture.report(
                .customers,
                "groupBy=lifecycle&asOf=2026-06-30&stableFromOrder=3&atRiskAfterDays=30&lostAfterDays=60"
            )
            let groups = report["groups"]?.array ?? []
            let found = Dictionary(
                groups.compactMap { group in
                    group["key"]?.string.flatMap { key in group["customers"]?.int.map { (key, $0) } }
                }
            ) { $0 + $1 }
            #expect(found == expected)
        }
    }

    @Test func lifecycleAsOfADayFollowsValidOrdersAlone() async throws {
        try await AnalyticsFixture.with { fixture in
            func account(_ days: [String], _ status: String = "placed") async throws {
                let account = AccountSnapshot().with { ($0.name, $0.createdAt) = ("A", .now()) }
                let orders = days.map { day in
                    OrderSnapshot().with {
                        ($0.accountId, $0.orderedOn, $0.status) = (account.id, CalendarDate(day), status)
                        $0.amount = usd("10.00")
                    }
                }
                try await fixture.apply(
                    [fixture.event(AccountEvents.created, account)]
                        + orders.map { fixture.event(OrderEvents.created, $0) })
            }
            try await account(["1998-06-01"])  // signed
            try await account(["1998-06-01", "1998-06-01", "1998-06-20"])  // developing
            try await account(["1998-04-01"])  // silent for 90 days
            try await account(["1998-01-01"])  // silent for 180 days
            try await account(["1997-01-01", "1998-06-01"])  // won back
            try await account(["1998-07-01"])  // not yet a customer
            try await account(["1998-06-01"], "returned")  // not one of that day
            let states = try await fixture.report(.customers, "groupBy=lifecycle&asOf=1998-06-30")
            for (state, count) in ["signed": 1, "developing": 1, "atRisk": 1, "lost": 1, "wonBack": 1] as [String: JSON]
            {
                #expect(states.group(state)?["customers"] == count, "\(state)")
            }
            #expect(states["groups"]?.array?.count == 5)
            let strict = try await fixture.report(.customers, "groupBy=lifecycle&asOf=1998-06-30&stableFromOrder=3")
            #expect(strict.group("stable")?["customers"] == 1)
            // The tenant's own thresholds are the usual ones from now on; a question's stand over them.
            let policy = LifecyclePolicySnapshot().with {
                ($0.id, $0.stableFromOrder, $0.lostAfterDays) = (UUIDv7.make(), 3, 400)
                $0.highValueFrom = usd("30.00")
            }
            try await fixture.apply([fixture.event(LifecyclePolicyEvents.created, policy)])
            let own = try await fixture.report(.customers, "groupBy=lifecycle&asOf=1998-06-30")
            #expect(own.group("highValue")?["customers"] == 1 && own.group("atRisk")?["customers"] == 2)
            #expect(own.group("lost") == nil)
            let given = try await fixture.report(.customers, "groupBy=lifecycle&asOf=1998-06-30&lostAfterDays=180")
            #expect(given.group("lost")?["customers"] == 1 && given.group("highValue")?["customers"] == 1)
            await #expect(throws: Refusal.self) {
                try await fixture.report(.customers, "groupBy=lifecycle&atRiskAfterDays=500")
            }
            let cohorts = try await fixture.report(.customers, "groupBy=cohort")
            #expect(cohorts.group("1997-01")?["orders"] == 2)
            #expect(cohorts["total"]?["orderValue"]?["amount"] == "90.00")
        }
    }

    @Test func aRebuildFromTheHistoryGivesTheSameRowsAndMendsBrokenOnes() async throws {
        try await AnalyticsFixture.with { fixture in
            let cast = Cast()
            let open = cast.deal(cast.ann, "open", "50.00")
            let won = open.with { ($0.version, $0.status, $0.closeDate) = (2, "won", CalendarDate("2026-03-01")) }
            let events = [
                fixture.event(UserEvents.created, cast.ann), fixture.event(OpportunityEvents.created, open),
                fixture.event(OpportunityEvents.won, won),
            ]
            try await fixture.apply(events)
            // A repeat changes nothing.
            try await fixture.apply(events)
            let rebuild = Rebuild(database: fixture.database, consumer: nil)
            let first = try await rebuild.run(fixture.tenant)
            #expect(first.isEqual)
            #expect(first.after["opportunity_facts"]?["rows"] == 1)

            let schema = fixture.tenant.schema
            _ = try await fixture.database.flight(
                fixture.tenant.id, ["update \(schema).opportunity_facts set amount = 51 where id = \(open.id)"])
            let second = try await rebuild.run(fixture.tenant)
            #expect(!second.isEqual)
            #expect(second.after == first.after)
            // The history itself cannot be changed, even by a bug of this service.
            await #expect(throws: (any Error).self) {
                try await fixture.database.flight(fixture.tenant.id, ["delete from \(schema).event_history"])
            }
        }
    }

    @Test func eventsAreKeptAsTheirTextAndABrokenOneIsRefused() async throws {
        try await AnalyticsFixture.with { fixture in
            let cast = Cast()
            let event = fixture.event(OpportunityEvents.created, cast.deal(cast.ann, "赢", "50.00"))
            let read = try CloudEvent(event.record) { _ in .text }
            #expect(read.data == nil && read.text != nil)
            var broken = read
            broken.text?.removeLast()
            await #expect(throws: PostgresError.self) { try await fixture.apply([broken]) }
            try await fixture.apply([read])
            let schema = fixture.tenant.schema
            let rows = try await fixture.database.query(
                fixture.tenant.id,
                "select h.data, f.amount::text from \(schema).event_history h, \(schema).opportunity_facts f")
            #expect(try rows.single().get(0, as: JSON.self) == event.data)
            #expect(try rows.single().get(1, as: String.self) == "50.00")
        }
    }

    @Test func theFunnelStandsAgainstTheTarget() async throws {
        try await AnalyticsFixture.with { fixture in
            let cast = Cast()
            let target = TargetSnapshot().with { ($0.period, $0.amount) = ("2026-Q1", usd("400.00")) }
            let deals = [
                cast.deal(cast.ann, "open", "100.00"), cast.deal(cast.ann, "won", "200.00", closed: "2026-03-31"),
                cast.deal(cast.ann, "won", "999.00", closed: "2026-04-01"),
            ]
            try await fixture.apply(
                deals.map { fixture.event(OpportunityEvents.created, $0) } + [
                    fixture.event(TargetEvents.created, target)
                ])
            let period = try #require(PeriodKey("2026-Q1"))
            let now = try Timestamp(parsing: "2026-02-01T00:00:00Z")
            func ask(_ period: PeriodKey, now: Timestamp) async throws -> JSON {
                try await Funnel(database: fixture.database)
                    .answer(period, tenant: fixture.tenant, principal: fixture.principal(), now: now)
            }
            let funnel = try await ask(period, now: now)
            #expect(funnel["stages"]?[0]?["weightedAmount"]?["amount"] == "50.00")
            #expect(funnel["stages"]?[0]?["open"] == 1 && funnel["openAmount"]?["amount"] == "100.00")
            // When the period is over, what is still open closes later.
            let late = try await ask(period, now: try Timestamp(parsing: "2026-05-01T00:00:00Z"))
            #expect(late["weightedAmount"]?["amount"] == "200.00")
            #expect(funnel["weightedAmount"]?["amount"] == "250.00")
            #expect(funnel["coverage"]?.double == 0.625)
            #expect(funnel["shortfall"]?["amount"] == "150.00")
        }
    }
}

/// Dollars.
func usd(_ amount: String) -> Money? {
    (try? Currency(code: "USD")).flatMap { try? Money(amount: amount, currency: $0) }
}

extension Snapshot {
    /// A copy with other members; a new one gets an id.
    func with(_ change: (inout Self) -> Void) -> Self {
        var copy = self
        if version == 1, createdAt.microseconds == 0, updatedAt.microseconds == 0 {
            copy.id = UUIDv7.make()
            copy.createdAt = .now()
            copy.updatedAt = .now()
        }
        change(&copy)
        return copy
    }
}
