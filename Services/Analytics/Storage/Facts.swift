import Postgres
import Resources
import Tenancy
import Values

/// Where reports read facts from: the tables, or for a day that is past, what they were at its end by the history.
struct Facts: Sendable {
    private static let tables = ["lead_facts", "opportunity_facts", "account_facts", "order_facts"]

    private let schema: SchemaName
    /// The moment until which events count; nil for all of them.
    private let end: SQL?

    init(_ tenant: Tenant, asOf: CalendarDate?, now: Timestamp = .now()) {
        schema = tenant.schema
        let past = asOf.flatMap { $0 < now.date(in: tenant.zone) ? $0.adding(days: 1) : nil }
        end = past.map { "(\($0)::timestamp at time zone \(tenant.timeZone))" }
    }

    /// A table with one row for each aggregate, as statements name it that begin with ``with``.
    subscript(table: String) -> SQL {
        end == nil || !Self.tables.contains(table) ? "\(schema).\(ident: table)" : "\(ident: table)"
    }

    /// What a statement begins with that names facts.
    var with: SQL { end == nil ? "" : "with \(definitions)" }

    /// The same before other definitions.
    var withMore: SQL { end == nil ? "with" : "\(with)," }

    /// Each is made of the history once, and only where the statement names it.
    private var definitions: SQL {
        guard let end else { return "" }
        return Projection.all.filter { Self.tables.contains($0.table) }.map { projection -> SQL in
            "\(ident: projection.table) as (\(projection.rows(before: end, in: schema)))"
        }.joined(separator: ", ")
    }
}

extension Projection {
    /// The table's rows as they were at a moment. What was first told of later, as by an import of what had long happened,
    /// is there as it is now: its own dates say since when it counts.
    fileprivate func rows(before end: SQL, in schema: SchemaName) -> SQL {
        let names = columns.map { ", f.\($0.name)" }.joined()
        let expressions = columns.map { ", \($0.expression) as \($0.name)" }.joined()
        return """
            with later as materialized (
                select aggregate_id, min(sequence) as next from \(schema).event_history
                where aggregate = \(aggregate) and time >= \(end) group by aggregate_id having min(sequence) > 1)
            select f.id\(raw: names) from \(schema).\(ident: table) f
            where not exists (select from later where later.aggregate_id = f.id::text)
            union all
            select (s->>'id')::uuid\(raw: expressions) from later cross join lateral (
                select e.*, e.data->\(aggregate) as s from \(schema).event_history e
                where e.aggregate_id = later.aggregate_id and e.sequence < later.next and e.data ? \(aggregate)
                order by e.sequence desc limit 1) as h
            """
    }
}
