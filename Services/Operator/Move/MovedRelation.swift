import Postgres
import Tenancy
import Values

/// A table of which a tenant's rows move: one of its own, or how far the consumers are with its aggregates.
struct MovedRelation: Sendable {
    let name: String
    let table: String
    let columns: [String]
    let key: [String]
    let tenant: TenantID
    /// Of a table that tenants share. Its rows name a consumer; consumers of another server have names of their own.
    let isShared: Bool
    let target: TenantDatabase

    static let progress = "inbox_sequence"

    /// Everything but the canary, which the schema that is made there has its own of.
    static func all(
        of tenant: TenantID, to target: TenantDatabase, on transaction: PostgresTransaction
    ) async throws -> [MovedRelation] {
        let own = try await TenantTables.all(of: tenant, leaving: ["canary"], on: transaction).map { table in
            MovedRelation(
                name: table.name, table: "\(tenant.schema).\(SQL.quoted(table.name))", columns: table.columns,
                key: table.key, tenant: tenant, isShared: false, target: target)
        }
        return own + [progress(of: tenant, to: target)]
    }

    /// How far the consumers are.
    static func progress(of tenant: TenantID, to target: TenantDatabase) -> MovedRelation {
        MovedRelation(
            name: progress, table: "shared.\(progress)", columns: ["consumer", "tenant", "aggregate", "sequence"],
            key: ["consumer", "aggregate"], tenant: tenant, isShared: true, target: target)
    }

    // COPY takes no parameters: everything is written out.

    private var list: String { columns.map(SQL.quoted).joined(separator: ", ") }
    private var owner: String { SQL.literal(tenant.text) }
    private var ofTenant: String { isShared ? "d.tenant = \(owner)" : "true" }

    /// The consumer that does there what this one does here.
    static func renamed(_ consumer: String, on target: TenantDatabase) -> String {
        "split_part(\(consumer), '@', 1) || \(SQL.literal(target.isHome ? "" : "@\(target.server)"))"
    }

    /// A row's values as they are to be there.
    private var values: String {
        columns.map { column in
            let value = "d.\(SQL.quoted(column))"
            return isShared && column == "consumer" ? Self.renamed(value, on: target) : value
        }.joined(separator: ", ")
    }

    private var arrived: String { columns.map { "d.\(SQL.quoted($0))" }.joined(separator: ", ") }

    private var matches: String {
        key.map { "d.\(SQL.quoted($0)) = (jsonb_populate_record(null::\(table), m.key)).\(SQL.quoted($0))" }
            .joined(separator: " and ") + " and \(ofTenant)"
    }

    private var noted: String {
        "(select distinct key from shared.moved_rows where tenant = \(owner) and relation = \(SQL.literal(name)))"
    }

    private static func raw(_ text: String) -> SQL { SQL(raw: text).unprepared() }

    // MARK: - All rows

    var empty: SQL {
        isShared ? Self.raw("delete from \(table) d where \(ofTenant)") : Self.raw("delete from \(table)")
    }
    var rows: SQL { Self.raw("copy (select \(values) from \(table) d where \(ofTenant)) to stdout") }
    var receiving: SQL { Self.raw("copy \(table) (\(list)) from stdin") }
    var digest: SQL { Self.digest(of: values, "\(table) d where \(ofTenant)") }
    var arrivedDigest: SQL { Self.digest(of: arrived, "\(table) d where \(ofTenant)") }

    // MARK: - Rows that were written to since

    /// Where the keys of one relation are put on the target.
    static let keys: SQL = "create temp table moved_keys (key jsonb) on commit drop"
    static let forgetKeys: SQL = "delete from pg_temp.moved_keys"
    static let receivingKeys = raw("copy pg_temp.moved_keys (key) from stdin")

    var changedKeys: SQL {
        let consumer = "to_jsonb(\(Self.renamed("key ->> 'consumer'", on: target)))"
        return Self.raw(
            "copy (select \(isShared ? "jsonb_set(key, '{consumer}', \(consumer))" : "key") from \(noted) m) to stdout")
    }
    var changedRows: SQL { Self.raw("copy (select \(values) from \(noted) m join \(table) d on \(matches)) to stdout") }
    var changedDigest: SQL { Self.digest(of: values, "\(noted) m join \(table) d on \(matches)") }
    var removeChanged: SQL { Self.raw("delete from \(table) d using pg_temp.moved_keys m where \(matches)") }
    var arrivedChangedDigest: SQL { Self.digest(of: arrived, "pg_temp.moved_keys m join \(table) d on \(matches)") }

    /// How many rows, and a sum that differs when one of them does.
    private static func digest(of values: String, _ relation: String) -> SQL {
        raw("select count(*), coalesce(sum(hashtextextended(row(\(values))::text, 0)), 0)::text from \(relation)")
    }

    // MARK: - Noting

    /// Notes each row that is written to from now on.
    var note: SQL {
        let names = ([tenant.text] + key).map(SQL.literal).joined(separator: ", ")
        // Rows of other tenants are not looked at; nobody takes away what is noted of an aggregate.
        let (events, condition) =
            isShared ? ("insert or update", "when (new.tenant = \(owner)) ") : ("insert or update or delete", "")
        return Self.raw(
            "create trigger \(trigger) after \(events) on \(table) for each row \(condition)"
                + "execute function shared.note_moved(\(names))")
    }

    var stopNoting: SQL { Self.raw("drop trigger if exists \(trigger) on \(table)") }

    /// Sorts after the table's own; of a shared table each tenant has one.
    private var trigger: String { TenantProvisioner.movingTrigger(tenant) }
}
