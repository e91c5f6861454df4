import Postgres
import Values

/// What of a tenant's schema belongs to a backup.
enum TenantTables {
    struct Table: Sendable {
        let name: String
        let columns: [String]
        /// The columns of its primary key; none if it has none.
        let key: [String]

        /// Its rows in one order, so that equal rows have an equal digest.
        var order: [String] { key.isEmpty ? columns : key }

        func copy(in schema: SchemaName) -> SQL { TenantTables.copy(columns, from: "\(schema).\(ident: name)", order) }
    }

    /// Nobody is logged in after a restore, a canary is one tenant's alone, and the answers kept for repeated requests
    /// are those of the other tenant's clients.
    static let left: Set<String> = [
        "canary", "idempotency_keys", "sessions", "password_resets", "login_attempts",
    ]

    static func copy(_ columns: [String], from relation: SQL, _ order: [String]) -> SQL {
        let list = columns.map(SQL.quoted).joined(separator: ", ")
        let keys = order.map(SQL.quoted).joined(separator: ", ")
        return ("copy (select \(raw: list) from \(relation) order by \(raw: keys)) to stdout" as SQL).unprepared()
    }

    /// The tables, those that others refer to first.
    static func all(
        of tenant: TenantID, leaving left: Set<String> = left, on transaction: PostgresTransaction
    ) async throws -> [Table] {
        let results = try await transaction.pipeline([
            """
            select c.relname::text,
                array(select attname::text from pg_attribute a
                    where a.attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''
                    order by attnum),
                array(select a.attname::text from pg_index i cross join unnest(i.indkey) with ordinality as k(number, place)
                    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
                    where i.indrelid = c.oid and i.indisprimary order by k.place)
            from pg_class c where c.relnamespace = \(tenant.schema)::regnamespace and c.relkind = 'r'
            order by c.relname
            """,
            """
            select distinct c.conrelid::regclass::text, t.relname::text, r.relname::text
            from pg_constraint c join pg_class t on t.oid = c.conrelid join pg_class r on r.oid = c.confrelid
            where c.contype = 'f' and c.connamespace = \(tenant.schema)::regnamespace and c.conrelid <> c.confrelid
            """,
        ])
        let tables = try results[0].map { row in
            let columns: [String] = try row.get(1)
            let key: [String] = try row.get(2)
            return Table(name: try row.get(0), columns: columns, key: key)
        }
        let references = try results[1].map {
            (from: try $0.get(1, as: String.self), to: try $0.get(2, as: String.self))
        }
        return sorted(tables.filter { !left.contains($0.name) }, references)
    }

    private static func sorted(_ tables: [Table], _ references: [(from: String, to: String)]) -> [Table] {
        var rest = tables
        var sorted: [Table] = []
        while !rest.isEmpty {
            let waiting = Set(rest.map(\.name))
            let free = rest.filter { table in
                !references.contains { $0.from == table.name && waiting.contains($0.to) }
            }
            // A circle of references would have no first; then the order is that of names.
            let next = free.isEmpty ? rest : free
            sorted += next
            rest.removeAll { table in next.contains { $0.name == table.name } }
        }
        return sorted
    }

    static func sequences(
        of tenant: TenantID, on transaction: PostgresTransaction
    ) async throws -> [BackupManifest.Sequence] {
        let names = try await transaction.query(
            """
            select relname::text from pg_class where relnamespace = \(tenant.schema)::regnamespace and relkind = 'S'
            order by 1
            """
        ).map { try $0.get(0, as: String.self) }
        guard !names.isEmpty else { return [] }
        let results = try await transaction.pipeline(
            names.map { "select last_value, is_called from \(schema: tenant).\(ident: $0)" })
        return try zip(names, results).map { name, rows in
            let row = try rows.single()
            return .init(name: name, value: try row.get(0), isCalled: try row.get(1))
        }
    }
}

/// What of the tables that tenants share is one tenant's.
enum ConsumersProgress {
    static let columns = ["consumer", "aggregate", "sequence"]

    /// How far each consumer is with each aggregate, under its name at home; the tenant itself is an aggregate that a copy does not have.
    static func copy(of tenant: TenantID) -> SQL {
        TenantTables.copy(
            columns,
            from: """
                (select split_part(consumer, '@', 1) as consumer, aggregate, sequence from shared.inbox_sequence
                    where tenant = \(raw: SQL.literal(tenant.text)) and not starts_with(aggregate, 'tenant/')) as s
                """, ["consumer", "aggregate"])
    }
}

enum UndeliveredEvents {
    static let columns = [
        "event_id", "source", "type", "aggregate_type", "aggregate_id", "sequence", "occurred_at", "traceparent",
        "actor", "data",
    ]

    /// All that the outbox still has, at least those of the last hour: what a consumer has seen it skips.
    static func copy(of tenant: TenantID) -> SQL {
        TenantTables.copy(
            columns,
            from: """
                (select * from shared.outbox where tenant = \(raw: SQL.literal(tenant.text))
                    and aggregate_type <> 'tenant') as o
                """, ["id"])
    }
}
