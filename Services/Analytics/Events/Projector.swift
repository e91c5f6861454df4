import Contracts
import EventLog
import Foundation
import JSON
import Postgres
import Tenancy
import Values

/// Keeps every event and brings the facts up to date: one round trip for a batch of a tenant, however many events.
struct Projector: EventHandler {
    /// All but the end of a tenant, whose tables are gone by then.
    let types = Set(EventCatalogue.all.map(\.type)).subtracting([TenantEvents.deleted.type])

    func apply(_ events: [CloudEvent], in tx: TenantTransaction) async throws {
        try await tx.pipeline([Self.keep(events, in: tx.schema)] + Self.project(events, in: tx.schema))
    }

    static func keep(_ events: [CloudEvent], in schema: SchemaName) -> SQL {
        """
        insert into \(schema).event_history (aggregate_id, sequence, aggregate, type, id, time, actor, data)
        select * from unnest(\(events.map(\.aggregateID)), \(events.map(\.sequence)), \(events.map(aggregate)),
            \(events.map(\.type)), \(events.map(\.id)), \(events.map(\.time)), \(events.map(\.actor)),
            \(events.map { $0.data ?? [:] }))
        on conflict do nothing
        """
    }

    /// The last event of each aggregate says all, but for what is kept of each entry.
    static func project(_ events: [CloudEvent], in schema: SchemaName) -> [SQL] {
        var last: [String: CloudEvent] = [:]
        for event in events where last[event.aggregateID]?.sequence ?? 0 < event.sequence {
            last[event.aggregateID] = event
        }
        return Projection.all.compactMap { projection in
            if projection.entries != nil {
                let entries = events.filter { event in
                    aggregate(event) == projection.aggregate
                        && projection.isEntry(sequence: event.sequence) { event.data?["previous"]?[$0] != nil }
                }
                let keys = entries.map { (aggregate: $0.aggregateID, sequence: $0.sequence) }
                return keys.isEmpty ? nil : projection.append(keys, in: schema)
            }
            let states = last.values.filter { aggregate($0) == projection.aggregate }
                .sorted { $0.aggregateID < $1.aggregateID }
                .compactMap { $0.data?[projection.aggregate] }
            return states.isEmpty ? nil : projection.upsert(states, in: schema)
        }
    }

    /// The name of the snapshot's member; the catalogue says it, whatever the subject's spelling.
    private static func aggregate(_ event: CloudEvent) -> String {
        EventCatalogue[type: event.type]?.aggregate ?? event.aggregateType
    }
}
