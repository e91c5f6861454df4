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

    /// Fills the table from the last event of each aggregate.
    func refill(in schema: SchemaName) -> SQL {
        """
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
        return """
            insert into \(schema).\(ident: table) (id, \(raw: names)) select (s->>'id')::uuid, \(raw: expressions)
            """
    }

    private var onConflict: SQL {
        let sets = columns.map { "\($0.name) = excluded.\($0.name)" }.joined(separator: ", ")
        return "on conflict (id) do update set \(raw: sets)"
    }
}
