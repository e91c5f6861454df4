import Postgres
import Tenancy
import Values

/// On the server that the tenant goes to.
extension MoveFence {
    /// Ends a fence that was cut off after the tenant was closed here: all it is made of is here still.
    func finish() async throws {
        try await move.target.database.withTransaction(options: ServiceMove.options()) { [self] there in
            try await rest(try await Self.groups(of: move.target, on: there), there)
            try await move.source.database.withTransaction(options: ServiceMove.options(snapshot: true)) { here in
                _ = try await move.carry(from: here, to: there)
                try await open(from: here, on: there)
            }
        }
    }

    /// Brings what is the tenant's of the tables that tenants share, and lets it live there.
    func open(from here: PostgresTransaction, on there: PostgresTransaction) async throws {
        for table in SharedRows.all {
            try await there.query(table.remove(id))
            try await RowPipe.copy(table.rows(of: id, for: move.target), from: here, into: table.receiving, on: there)
        }
        let sequences = try await TenantTables.sequences(of: id, on: here)
        _ = try await there.pipeline(
            sequences.map {
                """
                select setval(\("\(id.schema).\(SQL.quoted($0.name))")::text::regclass, \($0.value), \($0.isCalled))
                """
            })
        try await goBack(try await fenced(here), there)
        let provisioner = try move.service.provisioner.on(move.target.server)
        _ = try await there.query(provisioner.opening(id))
        if move.target.isHome {
            let login = try await provisioner.loginNumber(of: id, on: there)
            let versions: SQL = "select schema_version::text from shared.tenants where id = \(id.text)"
            let version: String = try await here.query(versions).single().get(0)
            try await there.query(
                """
                update shared.tenants set server = '', login = \(Int32(login)), schema_version = \(version)::text::jsonb
                where id = \(id.text)
                """)
        } else {
            try await there.query("update shared.tenants set server = '' where id = \(id.text)")
        }
    }

    /// How far consumers here were at the fence, under their names there.
    private func fenced(_ here: PostgresTransaction) async throws -> [(key: Place, value: Int64)] {
        let rows = try await here.query(
            """
            select o ->> 'consumer', o ->> 'topic', (o ->> 'partition')::int, (o ->> 'next')::bigint
            from shared.moves cross join jsonb_array_elements(offsets) as o where tenant = \(id.text)
            """)
        return try rows.map { row in
            let group = Self.renamed(try row.get(0), on: move.target)
            return (key: Place(group: group, topic: try row.get(1), partition: try row.get(2)), value: try row.get(3))
        }
    }

    /// Consumers there begin no later than where those here stopped: they passed the tenant's events as none of theirs.
    /// What they have done they skip.
    private func goBack(_ offsets: [(key: Place, value: Int64)], _ there: PostgresTransaction) async throws {
        try await there.query(
            """
            update shared.inbox_offset o set next_offset = n.next
            from unnest(\(offsets.map(\.key.group)), \(offsets.map(\.key.topic)), \(offsets.map(\.key.partition)),
                \(offsets.map(\.value))) as n(consumer, topic, partition, next)
            where o.consumer = n.consumer and o.topic = n.topic and o.partition = n.partition and o.next_offset > n.next
            """)
    }
}
