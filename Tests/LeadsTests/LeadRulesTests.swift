import Contracts
import Entities
import Foundation
import JSON
import Testing
import Values

@testable import Leads

private let start = Timestamp(milliseconds: 1_790_000_000_000)
private let context = TextContext(timeZone: .gmt, currency: .cny)

private func day(_ count: Int) -> Timestamp { start + .seconds(86_400 * count) }

private func makeLead(_ edit: (inout Lead) -> Void = { _ in }) -> Lead {
    var lead = Lead(id: UUID(), at: start)
    lead.company = "北京移动有限公司"
    edit(&lead)
    return lead
}

private func run(_ lead: inout Lead, _ command: LeadCommand, _ at: Int = 1) throws -> [LeadEvent] {
    let events = try Lead.decide(lead, command, LeadContext(at: day(at), now: day(100)))
    lead = events.reduce(lead, Lead.evolve)
    return events
}

@Suite struct LeadRulesTests {
    @Test func `a lead names somebody`() throws {
        try makeLead().validateCreation()
        try makeLead { ($0.company, $0.externalID) = (nil, "7") }.validateCreation()
        #expect(throws: Refusal.self) { try makeLead { $0.company = " " }.validateCreation() }
    }

    @Test func `only the allowed steps are taken`() throws {
        for from in LeadStatus.allCases {
            for to in LeadStatus.allCases where to != from {
                var lead = makeLead { $0.status = from }
                if from.next.contains(to) {
                    _ = try run(&lead, .setStatus(to, reason: "r"))
                    #expect(lead.status == to)
                } else {
                    #expect(throws: Refusal.self) { try run(&lead, .setStatus(to, reason: "r")) }
                }
            }
        }
        #expect(LeadStatus.allCases.allSatisfy { !$0.next.contains(.converted) })
    }

    @Test func `disqualifying needs a reason, and coming back clears it`() throws {
        var lead = makeLead()
        #expect(throws: Refusal.self) { try run(&lead, .setStatus(.disqualified)) }
        _ = try run(&lead, .setStatus(.disqualified, reason: "no budget"))
        #expect(lead.disqualifiedReason == "no budget" && !lead.isOpen)
        #expect(throws: Refusal.self) { try lead.checkNextStep("call", at: nil) }
        _ = try run(&lead, .setStatus(.contacted))
        #expect(lead.disqualifiedReason == nil)
        #expect(try run(&lead, .setStatus(.contacted)).isEmpty)
    }

    @Test func `the first call makes it contacted, a note does not`() throws {
        var lead = makeLead()
        var activity = Activity(id: UUID(), kind: .note, text: "t", outcome: nil, at: day(1), by: nil)
        _ = try run(&lead, .addActivity(activity))
        #expect(lead.status == .new && lead.firstContactAt == nil && lead.lastActivityAt == day(1))
        activity.kind = .call
        activity.at = day(2)
        #expect(try run(&lead, .addActivity(activity)).count == 2)
        #expect(lead.status == .contacted && lead.firstContactAt == day(2))
    }

    @Test func `a running conversion holds the lead, its end is told once`() throws {
        var lead = makeLead()
        let saga = UUID()
        _ = try run(&lead, .startConversion(saga: saga))
        #expect(lead.status == .qualified && lead.conversionID == saga)
        #expect(try run(&lead, .startConversion(saga: saga)).isEmpty)
        #expect(throws: Refusal.self) { try run(&lead, .startConversion(saga: UUID())) }
        #expect(throws: Refusal.self) { try run(&lead, .setStatus(.qualifying)) }
        _ = try run(&lead, .failConversion(saga: saga, ConversionRefusal(en: "no", zh: "不")))
        #expect(lead.status == .qualified && lead.conversionID == nil)
        let second = UUID()
        _ = try run(&lead, .startConversion(saga: second))
        let finish = LeadCommand.finishConversion(saga: second, account: UUID(), contact: nil, opportunity: UUID())
        _ = try run(&lead, finish)
        #expect(lead.status == .converted && lead.convertedAt == day(1))
        #expect(try run(&lead, finish).isEmpty)
        #expect(throws: Refusal.self) { try run(&lead, .startConversion(saga: UUID())) }
    }
}

@Suite struct DuplicateRulesTests {
    private func decide(_ lead: Lead, _ stored: [Lead], _ action: DuplicateAction, day at: Int = 15)
        -> DuplicateDecision<LeadMatchKind>
    {
        LeadDuplicatePolicy(action: action).decide(
            lead.matchKeys, among: stored.map { LeadCandidate($0, keys: $0.matchKeys) }, at: day(at))
    }

    @Test func `company A asks again on a second platform after 15 days: one lead, two touches`() throws {
        var first = makeLead { ($0.product, $0.source) = ("Server X1", "baidu") }
        let again = makeLead { ($0.company, $0.product) = ("北京移動股份有限公司", "server-x1") }
        guard case .link(let duplicate) = decide(again, [first], .link) else { return #expect(Bool(false)) }
        #expect(duplicate.id == first.id && duplicate.why == [.companyProduct])
        let touch = Touch(id: UUID(), leadID: first.id, source: "douyin", at: day(15))
        first = Lead.evolve(first, .touched(touch))
        #expect(first.touches == 2 && first.source == "baidu" && first.lastSource == "douyin")
    }

    @Test func `policies: flag by default, block names the lead`() {
        let first = makeLead { $0.phone = "138 0013 8000" }
        let again = makeLead { ($0.company, $0.phone) = ("Other", "+86-13800138000") }
        let duplicate = Duplicate(id: first.id, why: [LeadMatchKind.phone])
        #expect(duplicate.score == 0.95 && LeadDuplicatePolicy().action == .createAndFlag)
        #expect(decide(again, [first], .createAndFlag) == .create(flagging: [duplicate]))
        #expect(decide(again, [first], .block) == .block(duplicate))
        #expect(decide(makeLead { $0.company = "上海移动" }, [first], .block) == .create(flagging: []))
    }

    @Test func `outside the window it is a new lead, the same external id never is`() {
        let first = makeLead { $0.email = "Li@example.com" }
        let again = makeLead { ($0.company, $0.email) = (nil, "li@EXAMPLE.com") }
        #expect(decide(again, [first], .block, day: 91) == .create(flagging: []))
        let known = makeLead { ($0.externalSystem, $0.externalID) = ("ads", "7") }
        let told = makeLead { ($0.company, $0.externalSystem, $0.externalID) = ("X", "ads", "7") }
        guard case .block = decide(told, [known], .createAndFlag, day: 400) else { return #expect(Bool(false)) }
        let elsewhere = makeLead { ($0.company, $0.externalSystem, $0.externalID) = ("X", "web", "7") }
        #expect(decide(elsewhere, [known], .block) == .create(flagging: []))
    }

    @Test func `a closed lead gets no touch, and the best match comes first`() {
        let closed = makeLead { ($0.status, $0.phone) = (.disqualified, "13800138000") }
        let again = makeLead { ($0.phone, $0.email) = ("13800138000", "a@b.cn") }
        guard case .create(let flagged) = decide(again, [closed], .link) else { return #expect(Bool(false)) }
        #expect(flagged.map(\.id) == [closed.id])
        let weak = makeLead()
        guard case .create(let both) = decide(again, [weak, closed], .createAndFlag) else {
            return #expect(Bool(false))
        }
        #expect(both.map(\.id) == [closed.id, weak.id])
        #expect(decide(again, [weak, closed], .link) == .link(both[1]))
    }
}

@Suite struct AssignmentRulesTests {
    private func rule(_ name: String, _ position: Int, when: JSON? = nil, _ assign: (inout AssignmentTarget) -> Void)
        -> AssignmentRule
    {
        var rule = AssignmentRule(id: UUID(), at: start)
        (rule.name, rule.position, rule.when) = (name, position, when)
        assign(&rule.assign)
        return rule
    }

    @Test func `the first rule that holds and leads to somebody decides, and says why`() throws {
        let (team, a, b, boss, gone) = (UUID(), UUID(), UUID(), UUID(), UUID())
        let rules = try AssignmentRules(
            [
                rule("rest", 9) { $0.userID = boss },
                rule("left", 1, when: ["field": "region", "value": "浙江"]) { $0.userID = gone },
                rule("east", 2, when: ["field": "region", "op": "eq", "value": ["浙江", "上海"]]) { $0.teamID = team },
            ], context: context)
        let roster = Roster(people: [a, b, boss], teams: [team: [a, b]], teamOf: [boss: team])
        var turns = RoundRobin()
        let lead = makeLead { $0.region = "浙江" }
        let first = rules.assign(lead, roster: roster, turns: &turns)
        #expect(first.owner == a && first.team == team && first.ruleName == "east")
        #expect(first.why == ["left: the person is not active", "region = 浙江 | 上海", "next in turn"])
        #expect(rules.assign(lead, roster: roster, turns: &turns).owner == b)
        #expect(rules.assign(lead, roster: roster, turns: &turns).owner == a)
        let rest = rules.assign(makeLead(), roster: roster, turns: &turns)
        #expect(rest.owner == boss && rest.why == ["always"] && rest.team == team)
        let nobody = rules.assign(makeLead(), roster: Roster(people: [], teams: [:]), turns: &turns)
        #expect(nobody.owner == nil && nobody.why.last == "no rule matched")
    }

    @Test func `turns survive people coming and going`() {
        let (team, a, b, c) = (UUID(), UUID(), UUID(), UUID())
        var turns = RoundRobin()
        #expect(turns.next(in: team, of: [a, b]) == a)
        #expect(turns.next(in: team, of: [a, c, b]) == c)
        #expect(turns.next(in: team, of: [a, b]) == a, "the last one left: from the start")
        #expect(turns.next(in: team, of: []) == nil)
    }

    @Test func `a condition on an unknown field is refused with its path`() {
        let failure = #expect(throws: ValidationFailure.self) {
            try AssignmentRules([rule("x", 1, when: ["field": "nope"]) { $0.userID = UUID() }], context: context)
        }
        #expect(failure?.issues.first?.path.description == "/when/field")
        #expect(throws: Refusal.self) { try AssignmentTarget().validate() }
    }
}

@Suite struct GradeRulesTests {
    private func rule(_ name: String, _ points: Int64, _ when: JSON) -> GradeRule {
        var rule = GradeRule(id: UUID(), at: start)
        (rule.name, rule.points, rule.when) = (name, points, when)
        return rule
    }

    @Test func `points make the grade, with their reasons`() throws {
        let rules = try GradeRules(
            [
                rule("size", 50, ["field": "employees", "op": "gte", "value": 100]),
                rule("phone", 30, ["field": "phone", "op": "isNull", "value": false]),
                rule("school", -40, ["field": "industry", "value": "school"]),
            ], thresholds: GradeThresholds(), context: context)
        let big = rules.grade(makeLead { ($0.employees, $0.phone) = (100, "13800138000") })
        #expect(big.grade == .A && big.points == 80)
        #expect(big.reasons.map(\.because) == ["employees ≥ 100", "phone is given"])
        #expect(rules.grade(makeLead { $0.employees = 100 }).grade == .B)
        #expect(rules.grade(makeLead { $0.phone = "13800138000" }).grade == .C)
        #expect(rules.grade(makeLead { $0.industry = "school" }).points == -40)
        #expect(throws: Refusal.self) { try GradeThresholds(a: 1, b: 1, c: 0).validate() }
    }
}

@Suite struct SourceRulesTests {
    @Test func `bought lists need a lawful basis`() throws {
        var source = Source(id: UUID(), at: start)
        try source.validate()
        source.kind = .purchasedList
        #expect(throws: Refusal.self) { try source.validate() }
        source.lawfulBasis = "consent"
        try source.validate()
    }

    @Test func `every catalogue describes its record`() {
        #expect(Lead.catalogue["ownerId"]?.column == "owner_id")
        #expect(Lead.catalogue.encode(makeLead())["status"] == "new")
        #expect(
            AssignmentRule.catalogue.encode(AssignmentRule(id: UUID(), at: start))["assign"]?["strategy"]
                == "roundRobin")
        #expect(GradeRule.catalogue["when"]?.isRequired == false && Source.catalogue["key"]?.isRequired == true)
    }
}
