import Foundation
import JSON
import Postgres
import Tenancy
import Values

extension Projection {
    /// Puts snapshots into the table, each over the row of its aggregate.
    func upsert(_ states: [JSON], in schema: SchemaName) -> SQL {
        "\(insert(in: schema)) from unnest(\(states)) as u(s) \(onConflict)"
    }

    /// Adds the rows of events that the history keeps already.
    func append(_ events: [(aggregate: String, sequence: Int64)], in schema: SchemaName) -> SQL {
        """
        \(insert(in: schema)) from \(schema).event_history h
        join unnest(\(events.map(\.aggregate)), \(events.map(\.sequence))) as u(aggregate_id, sequence)
            on h.aggregate_id = u.aggregate_id and h.sequence = u.sequence
        cross join lateral (select h.data->\(aggregate) as s) as v on conflict do nothing
        """
    }

    /// Fills the table from the history: from the last event of each aggregate, or from every entry.
    func refill(in schema: SchemaName) -> SQL {
        if let entries {
            return """
                \(insert(in: schema)) from \(schema).event_history h
                cross join lateral (select h.data->\(aggregate) as s) as v
                where h.aggregate = \(aggregate) and (h.sequence = 1 or h.data->'previous' ?| \(entries))
                """
        }
        return """
            \(insert(in: schema)) from (
                select distinct on (aggregate_id) data->\(aggregate) as s from \(schema).event_history
                where aggregate = \(aggregate) order by aggregate_id, sequence desc) as u
            """
    }

    func clear(in schema: SchemaName) -> SQL { "delete from \(schema).\(ident: table)" }

    /// One number for all rows, whatever their order.
    func fingerprint(in schema: SchemaName) -> SQL {
        """
        select count(*), coalesce(sum(hashtextextended(f::text, 0)::numeric), 0)::text
            || ':' || coalesce(sum(hashtextextended(f::text, 1)::numeric), 0)::text
        from \(schema).\(ident: table) as f
        """
    }

    private func insert(in schema: SchemaName) -> SQL {
        let names = columns.map(\.name).joined(separator: ", ")
        let expressions = columns.map(\.expression).joined(separator: ", ")
        let version = entries == nil ? (name: "", value: "") : (name: " version,", value: " h.sequence,")
        return """
            insert into \(schema).\(ident: table) (id,\(raw: version.name) \(raw: names))
            select (s->>'id')::uuid,\(raw: version.value) \(raw: expressions)
            """
    }

    private var onConflict: SQL {
        let sets = columns.map { "\($0.name) = excluded.\($0.name)" }.joined(separator: ", ")
        return "on conflict (id) do update set \(raw: sets)"
    }
}
