import Contracts
import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Customers

/// What three services tell of one customer.
private struct Story: Sendable {
    let tenant: TenantID
    let account = UUIDv7.make(), other = UUIDv7.make(), lead = UUIDv7.make(), deal = UUIDv7.make()
    let order = UUIDv7.make(), contact = UUIDv7.make()

    private func at(_ minute: Int) -> Timestamp { Timestamp(milliseconds: 1_790_000_000_000 + Int64(minute) * 60_000) }

    private func event(
        _ type: String, _ id: UUID, _ sequence: Int64, _ minute: Int, _ snapshot: JSON, previous: JSONObject = [:],
        details: JSONObject = [:]
    ) throws -> CloudEvent {
        let definition = try #require(EventCatalogue[type: type])
        var snapshot = snapshot
        snapshot["id"] = id.json
        // Made from what it tells, so that telling the story again tells the same events.
        let eventID = UUID(high: UInt64(minute) << 16 | 0x7000, low: 0x8000_0000_0000_0000 | UInt64(sequence))
        return CloudEvent(
            id: eventID, source: "/test", type: type, aggregateType: definition.aggregate,
            aggregateID: id.lowercased, time: at(minute), tenant: tenant, sequence: sequence, actor: "li",
            data: definition.data(of: snapshot, previous: previous, details: details))
    }

    /// By topic, each in its order.
    func topics() throws -> [[CloudEvent]] {
        let company: JSON = ["company": "海风", "source": "website"]
        let linked: JSON = ["company": "海风", "accountId": account.json]
        let deal: JSON = ["name": "海风一期", "amount": ["amount": "100.00", "currency": "USD"], "stageName": "报价"]
        let owned: JSON = [
            "name": "海风一期", "accountId": account.json, "amount": ["amount": "100.00", "currency": "USD"],
            "stageName": "报价",
        ]
        let order: JSON = [
            "externalId": "SO-1", "accountId": account.json, "orderedOn": "2020-05-01",
            "amount": ["amount": "0.00", "currency": "USD"],
        ]
        var moved = order
        moved["accountId"] = other.json
        return [
            [
                try event("lead.created", lead, 1, 1, company),
                try event("lead.activity-added", lead, 2, 2, company, details: ["kind": "call", "text": "要报价"]),
                try event("lead.conversion-started", lead, 3, 3, company),
                try event("lead.converted", lead, 4, 7, linked, previous: ["accountId": .null]),
            ],
            [
                try event("opportunity.created", self.deal, 1, 6, deal),
                try event(
                    "opportunity.stage-moved", self.deal, 2, 8, deal, details: ["fromStage": "new", "toStage": "quote"]),
                try event("opportunity.updated", self.deal, 3, 9, owned, previous: ["accountId": .null]),
                try event("opportunity.won", self.deal, 4, 10, owned),
            ],
            [
                try event("account.created", account, 1, 4, ["name": "海风"]),
                try event("contact.created", contact, 1, 5, ["name": "王", "accountId": account.json]),
                try event("order.created", self.order, 1, 11, order),
                try event("account.updated", account, 2, 11, ["name": "海风"], previous: ["orderCount": 0]),
                try event(
                    "account.lifecycle-changed", account, 3, 11, ["name": "海风"],
                    details: ["fromState": "potential", "toState": "signed", "reasonCode": "orders", "reasonNumber": 1]),
                try event("order.updated", self.order, 2, 12, moved, previous: ["accountId": account.json]),
            ],
        ]
    }
}

@Suite struct TimelineTests {
    private func apply(_ events: [CloudEvent], _ fixture: CustomersFixture) async throws {
        try await fixture.environment.database.consume { tx in
            try await TimelineProjector().apply(events, in: tx.tenant(fixture.tenant))
        }
    }

    private func page(
        _ account: UUID, _ fixture: CustomersFixture, _ query: String = "", oldestFirst: Bool = true,
        after: TimelineStore.Position? = nil
    ) async throws -> [TimelineEntry] {
        let items = try Query(parsing: query).items.map { ($0.name, $0.value) }
        let list = try TimelineStore.filters.listQuery(items, context: try fixture.tenant.textContext)
        return try await fixture.environment.database.query(
            fixture.tenant.id,
            TimelineStore.select(
                account: account, list, oldestFirst: oldestFirst, after: after, in: fixture.tenant.schema)
        ).map { try TimelineStore.entry($0) }
    }

    private func fingerprint(_ fixture: CustomersFixture) async throws -> [String] {
        try await fixture.environment.database.query(
            fixture.tenant.id, "select t::text from \(fixture.tenant.schema).timeline t order by 1"
        ).map { try $0.get(0) }
    }

    @Test func `everything that happened to a customer, in order, with what was before he was one`() async throws {
        try await CustomersFixture.with { fixture in
            let story = Story(tenant: fixture.tenant.id)
            for topic in try story.topics() { try await apply(topic, fixture) }
            let entries = try await page(story.account, fixture)
            #expect(
                entries.map(\.type) == [
                    "lead.created", "lead.activity-added", "account.created", "contact.created",
                    "opportunity.created", "lead.converted", "opportunity.stage-moved", "opportunity.updated",
                    "opportunity.won", "account.lifecycle-changed", "order.updated",
                ])
            #expect(
                entries.map(\.english) == [
                    "Lead came in from website: 海风", "Call with the lead 海风: 要报价", "Customer added: 海风",
                    "Contact added: 王", "Opportunity opened: 海风一期, 100.00 USD", "Lead converted: 海风",
                    "Opportunity new → quote: 海风一期", "Opportunity changed (Account): 海风一期",
                    "Opportunity won: 海风一期, 100.00 USD", "Lifecycle: Potential → Signed (order number 1)",
                    "Order went to another customer: SO-1",
                ])
            #expect(entries[8].chinese == "赢单：海风一期，100.00 USD" && entries[9].chinese == "生命周期：潜在 → 首单（第 1 笔订单）")
            // The order is the other customer's now, on its own day.
            let others = try await page(story.other, fixture)
            #expect(others.map(\.type) == ["order.created", "order.updated"])
            #expect(
                others[0].at.date(in: .gmt) == CalendarDate("2020-05-01")
                    && others[0].english == "Order: SO-1, 0.00 USD")
        }
    }

    /// Both what a release of one language told, and what today's tells.
    @Test func `steps read by their names in each language`() throws {
        func told(_ type: String, _ snapshot: JSON, previous: JSONObject = [:], details: JSONObject) throws -> [String]
        {
            let definition = try #require(EventCatalogue[type: type])
            let event = ToldEvent(
                id: UUIDv7.make(), type: type, aggregate: definition.aggregate, subject: UUIDv7.make(), sequence: 2,
                time: Timestamp(milliseconds: 0), actor: nil,
                data: definition.data(of: snapshot, previous: previous, details: details))
            let summary = try #require(TimelineSummary(event))
            return [summary.english, summary.chinese]
        }
        let (new, contacted): (JSON, JSON) = ("new", "contacted")
        #expect(
            try told("lead.status-changed", ["company": "海风"], details: ["fromStatus": new, "toStatus": contacted])
                == ["Lead New → Contacted: 海风", "线索状态 新建 → 已联系：海风"])
        // Of a later release.
        #expect(
            try told("lead.status-changed", ["company": "海风"], details: ["fromStatus": new, "toStatus": "parked"])
                == ["Lead New → parked: 海风", "线索状态 新建 → parked：海风"])
        let stages: JSONObject = ["fromStage": "needs", "toStage": "offer"]
        #expect(
            try told(
                "opportunity.stage-moved", ["name": "A", "stageName": "报价"],
                previous: ["stage": "needs", "stageName": "需求"], details: stages)
                == ["Opportunity needs → offer: A", "商机阶段 需求 → 报价：A"])
        let refusal: JSON = ["code": "duplicate", "en": "It is there.", "zh": "已存在。", "errors": []]
        #expect(
            try told(
                "lead.conversion-failed", ["company": "海风"], details: ["reason": "It is there.", "refusal": refusal])
                == ["Conversion refused: 海风 (It is there.)", "转化失败：海风（已存在。）"])
        #expect(
            try told("lead.conversion-failed", ["company": "海风"], details: ["reason": "No."])
                == ["Conversion refused: 海风 (No.)", "转化失败：海风（No.）"])
    }

    @Test func `who hands over to whom is said by name, the same after a rebuild`() async throws {
        try await CustomersFixture.with { fixture in
            let (li, wang, stranger) = (try await fixture.hire("Li"), UUIDv7.make(), UUIDv7.make())
            let account = UUIDv7.make()
            func handover(_ sequence: Int64, from: UUID?, to: UUID?) throws -> CloudEvent {
                var snapshot = AccountSnapshot()
                (snapshot.id, snapshot.version, snapshot.name, snapshot.ownerId) = (account, sequence, "海风", to)
                var details = OwnerChanged()
                details.fromOwnerId = from
                return CloudEvent(
                    id: UUID(high: UInt64(sequence) << 16 | 0x7000, low: 0x8000_0000_0000_0000), source: "/customers",
                    type: "account.assigned", aggregateType: "account", aggregateID: account.lowercased,
                    time: Timestamp(milliseconds: sequence), tenant: fixture.tenant.id, sequence: sequence,
                    data: AccountEvents.assigned.data(of: snapshot, details: details))
            }
            let events = [
                try handover(2, from: li, to: wang), try handover(3, from: wang, to: nil),
                try handover(4, from: nil, to: li), try handover(5, from: stranger, to: stranger),
                try handover(6, from: stranger, to: li), try handover(7, from: stranger, to: nil),
            ]
            try await apply(events, fixture)
            let first = try await fingerprint(fixture)
            // The directory hears of him later than the timeline.
            _ = try await fixture.hire("Wang", id: wang)
            let entries = try await TimelineStore.naming(
                try await page(account, fixture), fixture.environment.directory, fixture.tenant.id)
            #expect(
                entries.map(\.english) == [
                    "Customer has another owner: 海风 (from Li to Wang)", "Customer has another owner: 海风 (from Wang)",
                    "Customer has another owner: 海风 (to Li)", "Customer given to another team: 海风",
                    "Customer has another owner: 海风 (to Li)", "Customer has another owner: 海风",
                ])
            #expect(
                entries.map(\.chinese) == [
                    "客户更换负责人：海风（Li → Wang）", "客户更换负责人：海风（原负责人：Wang）", "客户更换负责人：海风（现负责人：Li）", "客户更换团队：海风",
                    "客户更换负责人：海风（现负责人：Li）", "客户更换负责人：海风",
                ])
            #expect(entries[0].details["fromOwnerId"] == li.json && entries[0].details["ownerId"] == wang.json)
            try await fixture.environment.writer.commit(
                fixture.tenant.id, ["delete from \(fixture.tenant.schema).timeline"])
            try await apply(events, fixture)
            #expect(try await fingerprint(fixture) == first)
        }
    }

    @Test func `repeats change nothing, and any interleaving of the topics makes the same`() async throws {
        try await CustomersFixture.with { fixture in
            let story = Story(tenant: fixture.tenant.id)
            let topics = try story.topics()
            for topic in topics { try await apply(topic, fixture) }
            let first = try await fingerprint(fixture)
            #expect(first.count == 13)
            for topic in topics.reversed() { try await apply(topic, fixture) }
            #expect(try await fingerprint(fixture) == first)
            // Anew from nothing: event by event, the topics in turn, the last one ahead.
            try await fixture.environment.writer.commit(
                fixture.tenant.id, ["delete from \(fixture.tenant.schema).timeline"])
            for index in 0..<6 {
                for topic in topics.reversed() where index < topic.count { try await apply([topic[index]], fixture) }
            }
            #expect(try await fingerprint(fixture) == first)
        }
    }

    @Test func `pages hold every entry once, filters by kind and time`() async throws {
        try await CustomersFixture.with { fixture in
            let story = Story(tenant: fixture.tenant.id)
            for topic in try story.topics() { try await apply(topic, fixture) }
            let all = try await page(story.account, fixture, oldestFirst: false)
            var seen: [TimelineEntry] = []
            var position: TimelineStore.Position?
            while true {
                let entries = try await page(
                    story.account, fixture, "limit=3", oldestFirst: false, after: position)
                seen += entries.prefix(3)
                guard entries.count > 3 else { break }
                let text = TimelineStore.Position(entries[2]).description
                position = TimelineStore.Position(text)
                #expect(position == TimelineStore.Position(entries[2]))
            }
            #expect(seen == all && all.count == 11)
            let kinds = try await page(story.account, fixture, "kind=activity,lifecycle")
            #expect(kinds.map(\.kind) == [.activity, .lifecycle])
            let late = try await page(story.account, fixture, "at.gte=\(all[3].at)&kind.ne=account")
            #expect(late == all.prefix(4).reversed())
            #expect(throws: ValidationFailure.self) {
                try TimelineStore.filters.listQuery(
                    [("kind", "nonsense")], context: try fixture.tenant.textContext)
            }
        }
    }

    @Test func `every kind of event of a customer reads as a sentence in both languages`() throws {
        let types = TimelineProjector().types.subtracting(["lead.conversion-started"])
        #expect(types.count > 35)
        for type in types {
            let definition = try #require(EventCatalogue[type: type])
            let id = UUIDv7.make()
            let told = ToldEvent(
                id: id, type: type, aggregate: definition.aggregate, subject: id, sequence: 1,
                time: Timestamp(milliseconds: 0), actor: nil,
                data: definition.data(of: ["id": id.json, "name": "X"], previous: ["externalId": "Y"]))
            let entry = try #require(Timeline.entries(of: told, zone: .gmt).first, "\(type)")
            #expect(!entry.english.isEmpty && entry.english != entry.chinese, "\(type)")
            #expect(entry.chinese.unicodeScalars.contains { (0x4E00...0x9FFF).contains($0.value) }, "\(type)")
        }
    }
}
