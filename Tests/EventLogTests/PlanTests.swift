import Foundation
import JSON
import Testing
import Values

@testable import EventLog

@Suite struct PlanTests {
    static let tenant = TenantID.make()

    static func received(_ aggregate: String, _ sequence: Int64) -> ReceivedEvent {
        let event = CloudEvent(
            id: UUIDv7.make(), source: "/test", type: "lead.created", aggregateType: "lead", aggregateID: aggregate,
            time: .now(), tenant: tenant, sequence: sequence, data: [:])
        return ReceivedEvent(
            StoredRecord(source: TopicPartition("t", 0), offset: 0, time: .now(), record: event.record)
        ) { _ in .tree }
    }

    private static func key(_ aggregate: String) -> InboxKey {
        InboxKey(tenant: tenant.text, aggregate: "lead/\(aggregate)")
    }

    private func kinds(_ plan: InboxPlan) -> [String] {
        plan.decisions.map { decision in
            switch decision {
            case .apply: "apply"
            case .skip: "skip"
            case .park(let state, _): state.rawValue
            }
        }
    }

    @Test func repeatsAreSkippedAndGapsParkedOthersGoOn() {
        let plan = InboxPlan(
            [("a", 3), ("a", 4), ("b", 1), ("a", 6), ("b", 2), ("a", 5)].map(Self.received),
            states: [Self.key("a"): InboxState(last: 3)])
        #expect(kinds(plan) == ["skip", "apply", "apply", "gap", "apply", "apply"])
        #expect(plan.sequences == [Self.key("a"): 5, Self.key("b"): 2])
        #expect(plan.unblocked == [Self.key("a")])
    }

    @Test func laterEventsWaitBehindPoison() {
        let poisoned = InboxState(last: 1, isPoisoned: true, hasParked: true)
        let plan = InboxPlan(
            [("a", 1), ("a", 3), ("b", 1)].map(Self.received), states: [Self.key("a"): poisoned])
        #expect(kinds(plan) == ["skip", "waiting", "apply"])
        let found = InboxPlan([Self.received("a", 1)], states: [:], poison: "refused")
        #expect(found.decisions == [.park(.poison, reason: "refused")])
        #expect(found.sequences.isEmpty && found.unblocked.isEmpty)
    }

    @Test func aConsumerThatBeginsMidwayTakesTheFirstSequenceItSees() {
        let events = [("a", 7), ("a", 8), ("a", 10)].map(Self.received)
        #expect(kinds(InboxPlan(events, states: [:], acceptsMidway: true)) == ["apply", "apply", "gap"])
        #expect(kinds(InboxPlan(events, states: [:])) == ["gap", "gap", "gap"])
    }

    @Test func aBacklogIsPagedUpToOneMoment() {
        var cursor = RelayCursor(snapshot: "5:5:")
        let live = cursor.read(upTo: nil)
        #expect(live == .live(snapshot: "5:5:"))
        guard case .page(let paging) = cursor.next(after: live, seenBy: "9:9:", count: 3, lastID: 30, page: 2) else {
            Issue.record("a full page must not be published unordered")
            return
        }
        let first = paging.read(upTo: "99:99:")
        #expect(first == .page(snapshot: "5:5:", upper: "9:9:", after: 0))
        #expect(
            paging.next(after: first, seenBy: "10:10:", count: 2, lastID: 12, page: 2)
                == .publish(RelayCursor(snapshot: "5:5:", upper: "9:9:", lastID: 12)))
        #expect(
            paging.next(after: first, seenBy: "10:10:", count: 1, lastID: 12, page: 2)
                == .publish(RelayCursor(snapshot: "9:9:")))
        cursor = RelayCursor(snapshot: "7:7:")
        #expect(cursor.read(upTo: "9:9:") == .page(snapshot: "7:7:", upper: "9:9:", after: 0))
    }

    /// Reference values of Kafka's own tests of its partitioner.
    @Test func partitionsAsKafkaDoes() {
        #expect(Int32(bitPattern: Partitioner.murmur2(Array("21".utf8))) == -973_932_308)
        #expect(Int32(bitPattern: Partitioner.murmur2(Array("foobar".utf8))) == -790_332_482)
        #expect(Int32(bitPattern: Partitioner.murmur2(Array("a-little-bit-long-string".utf8))) == -985_981_536)
    }

    @Test func eventsComeBackFromRecordsAndBrokenOnesSayWhy() throws {
        let event = CloudEvent(
            id: UUIDv7.make(), source: "/leads", type: "lead.created", aggregateType: "lead", aggregateID: "x/y",
            time: Timestamp.now().wholeMilliseconds, tenant: Self.tenant, sequence: 3, traceparent: "00-a-b-01",
            actor: "u1", data: ["name": "名"])
        #expect(try CloudEvent(event.record) == event)
        #expect(try CloudEvent(event.record, form: { _ in .nothing }).data == nil)
        for broken in ["ce_id", "ce_sequence", "ce_tenantid", "ce_specversion"] {
            var record = event.record
            record.headers = HeaderBlock(record.headers.fields.filter { $0.name != broken })
            #expect(throws: CloudEventError.self) { try CloudEvent(record) }
        }
        let received = ReceivedEvent(
            StoredRecord(
                source: TopicPartition("t", 0), offset: 1, time: .now(),
                record: EventRecord(key: event.record.key, headers: event.record.headers, body: [123]))
        ) { _ in .tree }
        #expect(received.key.aggregate == "lead/x/y" && received.problem != nil)
    }
}
