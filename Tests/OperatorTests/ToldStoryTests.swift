import Contracts
import EventLog
import Foundation
import HTTP
import JSON
import Resources
import Testing
import Values

@testable import Customers
@testable import Opportunities

/// What one service tells, as another reads it.
@Suite struct ToldStoryTests {
    private static let stages = PipelineTemplate.simple.stages

    /// What the opportunities service tells of a command.
    private func told(
        _ old: Opportunity, _ command: OpportunityCommand, in pipeline: Pipeline
    ) throws -> (event: CloudEvent, after: Opportunity) {
        let now = Timestamp(milliseconds: 1_790_000_000_000)
        let decided = try Opportunity.decide(
            old, command, OpportunityContext(pipeline: pipeline, actor: nil, at: now, now: now))
        let event = try #require(decided.first)
        var new = Opportunity.evolve(old, event)
        let stage = try #require((new.pipelineVersion == pipeline.version ? pipeline : Self.later)[new.stage])
        new.enter(stage)
        new.version += 1
        let tenant = TenantID.make()
        let principal = Principal(
            tenant: tenant, subject: "test", kind: .apiKey, role: "admin", permissions: [], visibility: .all)
        let context = WriteContext(tenant: tenant, principal: principal, now: now)
        let made = new.event(event.draft, from: old, source: "/opportunities", context)
        return (try #require(made), new)
    }

    private static let id = UUIDv7.make()
    private static let first = Pipeline(id: id, version: 1, name: "P", businessLineID: nil, stages: stages)
    /// The second stage is called otherwise.
    private static let later = Pipeline(
        id: id, version: 2, name: "P", businessLineID: nil,
        stages: stages.map { stage in
            stage.key != "needs" ? stage : Stage(key: "needs", label: Label(en: "Wants", zh: "诉求"), winRate: 30)
        })

    private func read(_ event: CloudEvent) throws -> [String] {
        let told = try #require(ToldEvent(event))
        let summary = try #require(TimelineSummary(told))
        return [summary.english, summary.chinese]
    }

    @Test func `a timeline reads an opportunity's steps in each language`() throws {
        var deal = Opportunity(id: UUIDv7.make(), at: Timestamp(milliseconds: 0))
        (deal.name, deal.pipelineID) = ("海风一期", Self.id)
        deal.enter(Self.stages[0])
        let needs = try told(deal, .move(stage: "needs"), in: Self.first)
        #expect(
            try read(needs.event) == ["Opportunity First contact → Needs: 海风一期", "商机阶段 初步接洽 → 需求：海风一期"])
        let renamed = try told(needs.after, .migrate(to: Self.later, mapping: [:]), in: Self.first)
        #expect(try read(renamed.event) == ["Opportunity Needs → Wants: 海风一期", "商机阶段 需求 → 诉求：海风一期"])
        // A row of a release that knew one language.
        deal.stageNames = nil
        let old = try told(deal, .move(stage: "needs"), in: Self.first)
        #expect(try read(old.event) == ["Opportunity contact → Needs: 海风一期", "商机阶段 初步接洽 → 需求：海风一期"])
        // And one that tells what it told.
        var data = try #require(needs.event.data)
        for member in ["opportunity", "previous"] { data[member]?["stageNames"] = nil }
        let event = needs.event
        let before = CloudEvent(
            id: event.id, source: event.source, type: event.type, aggregateType: event.aggregateType,
            aggregateID: event.aggregateID, time: event.time, tenant: event.tenant, sequence: event.sequence, data: data
        )
        #expect(try read(before) == ["Opportunity contact → needs: 海风一期", "商机阶段 初步接洽 → 需求：海风一期"])
    }
}
