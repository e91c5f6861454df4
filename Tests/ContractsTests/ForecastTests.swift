import Contracts
import Foundation
import Testing
import Values

@Suite struct ForecastTests {
    private static let simple = [
        ("contact", 10), ("needs", 30), ("proposal", 50), ("negotiation", 70), ("signed", 100),
    ]
    private static let chain = [
        ("contact", 10), ("supporter", 30), ("keySupporter", 70), ("covered", 80), ("bid", 90), ("signed", 100),
    ]

    /// A million in each stage.
    private func forecast(_ stages: [(String, Int)], target: Int64? = nil) -> Forecast {
        Forecast(
            stages.map { .init(FunnelStage(key: $0.0, winRate: $0.1), count: 1, amount: 100_000_000) },
            target: target.map { $0 * 100 })
    }

    @Test func `five stages of a million weigh 2,600,000`() {
        let forecast = forecast(Self.simple, target: 5_000_000)
        #expect(forecast.weighted == 260_000_000)
        #expect(forecast.signed == 100_000_000 && forecast.openWeighted == 160_000_000)
        #expect(forecast.shortfall == 240_000_000 && forecast.coverage == 0.52)
        #expect(forecast.openAmount == 400_000_000)
    }

    @Test func `what if requirements won as often as proposals`() {
        #expect(forecast(Self.simple).withWinRates(["needs": 50]).weighted == 280_000_000)
        #expect(forecast(Self.simple).withWinRates(["signed": 0]).weighted == 260_000_000, "what is signed is signed")
    }

    @Test func `the decision chain weighs 3,800,000`() {
        let forecast = forecast(Self.chain)
        #expect(forecast.weighted == 380_000_000)
        #expect(forecast.shortfall == nil && forecast.coverage == nil)
    }

    @Test func `odd cents round half up and a reached target has no shortfall`() {
        let line = Forecast.Line(FunnelStage(key: "contact", winRate: 10), count: 2, amount: 105)
        let forecast = Forecast([line], target: 10)
        #expect(forecast.weighted == 11 && forecast.shortfall == 0)
    }

    @Test func `every open line is in one category`() throws {
        let (forecast, categories) = (forecast(Self.chain), try ForecastCategories())
        #expect(forecast.lines(of: .commit, categories).map(\.stage.key) == ["keySupporter", "covered", "bid"])
        #expect(forecast.lines(of: .bestCase, categories).isEmpty)
        #expect(forecast.lines(of: .pipeline, categories).map(\.stage.key) == ["contact", "supporter"])
        #expect(throws: Refusal.self) { try ForecastCategories(commitFrom: 50, bestCaseFrom: 50) }
    }

    @Test func `sums stop at the largest number`() {
        #expect([Int64.max, 5].sum { $0 } == .max)
        #expect([Int64.min, -5].sum { $0 } == .min)
    }
}

@Suite struct GoalsTests {
    private let year = PeriodKey("2026")!, quarter = PeriodKey("2026-Q4")!
    private let north = UUID(), city = UUID(), south = UUID(), ann = UUID(), bo = UUID(), line = UUID()

    private func goals(_ goals: [Goal]) -> Goals {
        Goals(goals, parents: [city: north], teamOf: [ann: city, bo: south])
    }

    @Test func `what was set for the whole wins over its parts`() {
        let goals = goals([Goal(period: quarter, amount: 10), Goal(period: quarter, amount: 3, team: north)])
        #expect(goals.target(of: quarter, GoalScope()) == 10)
        #expect(goals.target(of: quarter, GoalScope(teams: [north, city])) == 3)
        #expect(goals.target(of: quarter, GoalScope(teams: [south])) == nil)
    }

    @Test func `parts add up, a team below another not twice`() {
        let goals = goals([
            Goal(period: quarter, amount: 3, team: north), Goal(period: quarter, amount: 2, team: city),
            Goal(period: quarter, amount: 4, team: south), Goal(period: quarter, amount: 1, owner: ann),
        ])
        #expect(goals.target(of: quarter, GoalScope()) == 7)
        #expect(goals.target(of: quarter, GoalScope(teams: goals.subtree(of: north))) == 3)
        #expect(goals.target(of: quarter, GoalScope(owner: ann)) == 1)
        #expect(goals.target(of: quarter, GoalScope(owner: bo)) == nil)
        #expect(goals.subtree(of: north) == [north, city])
    }

    @Test func `people add up to their team, business lines to the whole`() {
        let people = goals([Goal(period: quarter, amount: 1, owner: ann), Goal(period: quarter, amount: 5, owner: bo)])
        #expect(people.target(of: quarter, GoalScope(teams: [north, city])) == 1)
        #expect(people.target(of: quarter, GoalScope()) == 6)
        let lines = goals([Goal(period: quarter, amount: 8, businessLine: line)])
        #expect(lines.target(of: quarter, GoalScope()) == 8)
        #expect(lines.target(of: quarter, GoalScope(businessLine: line)) == 8)
        #expect(lines.target(of: quarter, GoalScope(businessLine: UUID())) == nil)
    }

    @Test func `a year without a target is the sum of its quarters and months`() {
        let goals = goals([
            Goal(period: quarter, amount: 10), Goal(period: PeriodKey("2026-01")!, amount: 1),
            Goal(period: PeriodKey("2026-02")!, amount: 2), Goal(period: PeriodKey("2027-01")!, amount: 50),
        ])
        #expect(goals.target(of: year, GoalScope()) == 13)
        #expect(goals.target(of: PeriodKey("2026-Q2")!, GoalScope()) == nil)
    }
}
