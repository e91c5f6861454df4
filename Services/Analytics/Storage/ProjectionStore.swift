import Postgres
import Tenancy
import Values

extension Projection {
    /// Adds or changes the rows that a batch of events tells of.
    ///
    /// - Parameter events: a relation shaped like the history, with `is_last` of its aggregate in the batch.
    func apply(_ events: SQL, in schema: SchemaName) -> SQL {
        let which: SQL = entries == nil ? "h.is_last" : isEntry
        return "\(insert(in: schema)) from (\(snapshots(of: events, that: which))) as h \(onConflict)"
    }

    /// Fills the table from the history: from the last event of each aggregate, or from every entry. The order is that of
    /// the history's key, backwards: it can be read along the key.
    func refill(in schema: SchemaName) -> SQL {
        let history: SQL = "\(schema).event_history"
        let rows =
            entries == nil
            ? "select distinct on (aggregate_id) * from (\(snapshots(of: history, that: "true"))) as e order by aggregate_id desc, sequence desc"
            : snapshots(of: history, that: isEntry)
        return "\(insert(in: schema)) from (\(rows)) as h"
    }

    /// The events with a snapshot, `s`, of the aggregate.
    private func snapshots(of events: SQL, that condition: SQL) -> SQL {
        """
        select h.*, h.data->\(aggregate) as s from \(events) as h
        where h.aggregate = \(aggregate) and h.data ? \(aggregate) and \(condition)
        """
    }

    /// Whether an event makes a row of its own: the first, and each that changed one of the members.
    private var isEntry: SQL { "(h.sequence = 1 or h.data->'previous' ?| \(entries ?? []))" }

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
        guard entries == nil else { return "on conflict do nothing" }
        let sets = columns.map { "\($0.name) = excluded.\($0.name)" }.joined(separator: ", ")
        return "on conflict (id) do update set \(raw: sets)"
    }
}
