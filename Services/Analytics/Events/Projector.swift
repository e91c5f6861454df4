import Contracts
import EventLog
import Foundation
import Postgres
import Tenancy
import Values

/// Keeps every event and brings the facts up to date: one statement for a batch of a tenant, however many events, to
/// which each event's data go once, as the record's own text.
struct Projector: EventHandler {
    /// All but the end of a tenant, whose tables are gone by then.
    let types = Set(EventCatalogue.all.map(\.type)).subtracting([TenantEvents.deleted.type])
    let form = DataForm.text

    func apply(_ events: [CloudEvent], in tx: TenantTransaction) async throws {
        try await tx.query(Self.statement(events, in: tx.schema))
    }

    static func statement(_ events: [CloudEvent], in schema: SchemaName) -> SQL {
        let aggregates = events.map(aggregate)
        let present = Set(aggregates)
        let acts = Projection.all.filter { present.contains($0.aggregate) }.map { projection in
            ", \(ident: projection.table) as (\(projection.apply("events", in: schema)))" as SQL
        }
        return """
            with events as materialized (
                select * from unnest(\(events.map { $0.aggregateID }), \(events.map { $0.sequence }), \(aggregates),
                    \(events.map { $0.type }), \(events.map { $0.id }), \(events.map { $0.time }),
                    \(events.map { $0.actor }), \(events.map { JSONText($0.json ?? emptyObject) }),
                    \(areLast(events))) as e(aggregate_id, sequence, aggregate, type, id, time, actor, data, is_last)
            ), history as (
                insert into \(schema).event_history (aggregate_id, sequence, aggregate, type, id, time, actor, data)
                select aggregate_id, sequence, aggregate, type, id, time, actor, data from events
                on conflict do nothing
            )\(acts.joined(separator: "")) select
            """
    }

    private static let emptyObject = Array("{}".utf8)

    /// Whether an event is the last of its aggregate in the batch, which says all of the aggregate's state.
    private static func areLast(_ events: [CloudEvent]) -> [Bool] {
        var last: [String: Int] = [:]
        for (index, event) in events.enumerated() where event.text != nil || event.data != nil {
            if let other = last[event.aggregateID], events[other].sequence >= event.sequence { continue }
            last[event.aggregateID] = index
        }
        return events.indices.map { last[events[$0].aggregateID] == $0 }
    }

    /// The name of the snapshot's member; the catalogue says it, whatever the subject's spelling.
    private static func aggregate(_ event: CloudEvent) -> String {
        EventCatalogue[type: event.type]?.aggregate ?? event.aggregateType
    }
}
