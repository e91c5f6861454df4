import Contracts
import Foundation
import Testing
import Values

@testable import Opportunities

private let start = Timestamp(milliseconds: 1_790_000_000_000)
private let actor = UUID()

private func makePipeline(_ template: PipelineTemplate = .simple, version: Int = 1) -> Pipeline {
    Pipeline(id: UUID(), version: version, name: "P", businessLineID: nil, stages: template.stages)
}

private struct Deal {
    var opportunity: Opportunity
    var pipeline: Pipeline
    var history: [StageChange] = []

    init(_ pipeline: Pipeline = makePipeline(), stage: String = "contact") {
        self.pipeline = pipeline
        opportunity = Opportunity(
            id: UUID(), code: "OPP-2026-000001", name: "n", pipelineID: pipeline.id, pipelineVersion: pipeline.version,
            stage: stage, stageEnteredAt: start, createdAt: start, updatedAt: start)
    }

    @discardableResult
    mutating func apply(_ command: OpportunityCommand, day: Int, today: Int = 100) throws -> [OpportunityEvent] {
        let (at, now) = (start + .seconds(86_400 * day), start + .seconds(86_400 * today))
        let context = OpportunityContext(pipeline: pipeline, actor: actor, at: at, now: now)
        let events = try Opportunity.decide(opportunity, command, context)
        opportunity = events.reduce(opportunity, Opportunity.evolve)
        return events
    }
}

@Suite struct OpportunityRulesTests {
    @Test func `a move is recorded with who, when and how long`() throws {
        var deal = Deal()
        let events = try deal.apply(.move(stage: "proposal"), day: 3)
        let expected = StageChange(
            kind: .moved, fromStage: "contact", toStage: "proposal", at: start + .seconds(3 * 86_400), by: actor,
            spent: .seconds(3 * 86_400), reason: nil)
        #expect(events == [.moved(expected)])
        #expect(try deal.apply(.move(stage: "proposal"), day: 4).isEmpty)
        #expect(deal.opportunity.stageEnteredAt == expected.at)
    }

    @Test func `winning enters the signed stage and keeps the signed amount`() throws {
        var deal = Deal()
        let amount = Money(minorUnits: 105_400, currency: .usd)
        try deal.apply(.win(amount: amount), day: 5)
        #expect(deal.opportunity.status == .won && deal.opportunity.stage == "signed")
        #expect(deal.opportunity.amount == amount && deal.opportunity.closedAt != nil)
        #expect(try deal.apply(.win(amount: amount), day: 6).isEmpty)
        #expect(throws: Refusal.self) { try deal.apply(.move(stage: "needs"), day: 6) }
        #expect(throws: Refusal.self) { try deal.apply(.lose(reason: "price"), day: 6) }
        try deal.apply(.reopen(), day: 7)
        #expect(deal.opportunity.status == .open && deal.opportunity.stage == "negotiation")
        #expect(deal.opportunity.closedAt == nil)
    }

    /// The clock was ahead at the first change, and has been put right since.
    @Test func `what happens now is not before what happened`() throws {
        var deal = Deal()
        try deal.apply(.move(stage: "proposal"), day: 20, today: 20)
        try deal.apply(.move(stage: "needs"), day: 10, today: 10)
        #expect(deal.opportunity.stage == "needs" && deal.opportunity.stageEnteredAt == start + .seconds(20 * 86_400))
        #expect(throws: Refusal.self) { try deal.apply(.move(stage: "proposal"), day: 19) }
    }

    @Test func `moving to the signed stage is winning`() throws {
        var deal = Deal()
        try deal.apply(.move(stage: "signed"), day: 1)
        #expect(deal.opportunity.status == .won)
    }

    @Test func `a lost deal keeps its stage, its reason and can come back`() throws {
        var deal = Deal(stage: "proposal")
        #expect(throws: Refusal.self) { try deal.apply(.lose(reason: "  "), day: 1) }
        try deal.apply(.lose(reason: "price", competitor: "Rival"), day: 1)
        #expect(deal.opportunity.stage == "proposal" && deal.opportunity.competitor == "Rival")
        let events = try deal.apply(.reopen(reason: "new budget"), day: 11)
        #expect(deal.opportunity.status == .open && deal.opportunity.lostReason == nil)
        guard case .reopened(let change, _)? = events.first else { return #expect(Bool(false)) }
        #expect(change.spent == .seconds(10 * 86_400))
        #expect(throws: Refusal.self) { try deal.apply(.reopen(), day: 12) }
    }

    @Test func `time cannot run backwards or ahead`() throws {
        var deal = Deal()
        try deal.apply(.move(stage: "needs"), day: 5)
        #expect(throws: Refusal.self) { try deal.apply(.move(stage: "proposal"), day: 4) }
        #expect(throws: Refusal.self) { try deal.apply(.move(stage: "proposal"), day: 101) }
    }

    @Test func `an unknown stage is refused with the ones there are`() throws {
        var deal = Deal()
        let refusal = #expect(throws: Refusal.self) { try deal.apply(.move(stage: "nowhere"), day: 1) }
        #expect(refusal?.code == "unknownStage" && refusal?.english.contains("negotiation") == true)
    }

    @Test func `a new version takes open deals over by a mapping`() throws {
        var deal = Deal(stage: "proposal")
        var next = makePipeline(.decisionChain, version: 2)
        next.id = deal.pipeline.id
        #expect(throws: Refusal.self) { try deal.apply(.migrate(to: next, mapping: [:]), day: 1) }
        #expect(throws: Refusal.self) { try deal.apply(.migrate(to: next, mapping: ["proposal": "signed"]), day: 1) }
        try deal.apply(.migrate(to: next, mapping: ["proposal": "bid"]), day: 1)
        #expect(deal.opportunity.pipelineVersion == 2 && deal.opportunity.stage == "bid")
        #expect(deal.opportunity.stageEnteredAt == start, "migration is no progress")
        #expect(try deal.apply(.migrate(to: next, mapping: [:]), day: 2).isEmpty)
    }
}

@Suite struct PipelineRulesTests {
    @Test(arguments: PipelineTemplate.all)
    func `templates are valid`(_ template: PipelineTemplate) throws {
        try Pipeline.validate(template.stages)
    }

    @Test func `stages that make no sense are refused`() {
        let stages = PipelineTemplate.simple.stages
        let broken: [[Stage]] = [
            [], [stages[4]], stages.dropLast(), stages + [stages[0]], stages.map { change($0) { $0.key = "" } },
            stages.map { change($0) { $0.winRate = $0.isSigned ? 100 : 101 } }, [stages[0], stages[0], stages[4]],
        ]
        for stages in broken { #expect(throws: Refusal.self) { try Pipeline.validate(stages) } }
    }

    private func change(_ stage: Stage, _ edit: (inout Stage) -> Void) -> Stage {
        var stage = stage
        edit(&stage)
        return stage
    }
}

@Suite struct ProductRulesTests {
    private func product(_ name: String, _ aliases: [String] = []) -> Product {
        Product(id: UUID(), name: name, aliases: aliases, createdAt: start, updatedAt: start)
    }

    @Test func `GTXPro is GTX Pro`() throws {
        #expect(Product.matchKey("GTXPro") == Product.matchKey("ＧＴＸ pro"))
        #expect(Product.matchKey("GTX Plus Pro") != Product.matchKey("GTX Pro"))
        #expect(product("GTX Pro", ["GTXPro", "gtx-p"]).matchKeys == ["gtxpro", "gtxp"])
    }

    @Test func `an alias means one product only`() throws {
        let owner = product("GTX Pro")
        let refusal = #expect(throws: Refusal.self) {
            try product("MG", ["gtxpro"]).checkNames(against: [owner])
        }
        #expect(refusal?.path == "/aliases" && refusal?.english.contains("GTX Pro") == true)
        try owner.checkNames(against: [owner])
    }

    @Test func `codes are read and written`() {
        #expect(ReadableCode(prefix: Opportunity.codePrefix, year: 2026, number: 123).description == "OPP-2026-000123")
        #expect(ReadableCode("opp-2026-000123")?.number == 123)
        #expect(ReadableCode(prefix: "OPP", year: 2026, number: 1_234_567).description == "OPP-2026-1234567")
        for broken in ["", "OPP-2026-123", "OPP-26-000123", "-2026-000123", "OPP-2026-00012x", "OPP-2026--00001"] {
            #expect(ReadableCode(broken) == nil)
        }
    }
}

@Suite struct ForecastQuestionTests {
    private let stage = FunnelStage(key: "needs", winRate: 30)

    @Test(arguments: [
        ("2026-09-30", "2026-10-01"), ("2026-10-01", "1900-01-01"), ("2026-12-31", "1900-01-01"), ("2027-01-01", nil),
    ])
    func `what is overdue counts from the first day of the period to its last`(_ day: String, _ first: String?) throws {
        let question = ForecastQuestion(
            period: try #require(PeriodKey("2026-Q4")), categories: try ForecastCategories())
        let days = question.openDays(today: try CalendarDate(parsing: day))
        #expect(days?.lowerBound.description == first)
        #expect(days.map { $0.upperBound.description } == (first == nil ? nil : "2026-12-31"))
    }

    @Test func `a what-if on more than a number holds stops at the largest`() {
        var whatIf = WhatIf()
        whatIf.amounts = [.init(stage: stage, old: 0, new: Money.bound), .init(stage: stage, old: 0, new: Money.bound)]
        let changed = whatIf.applied(to: Forecast([.init(stage, count: 9_999, amount: .max - 1)], target: nil))
        #expect(changed.openAmount == .max)
    }
}
