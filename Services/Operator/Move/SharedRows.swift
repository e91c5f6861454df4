import Postgres
import Tenancy
import Values

/// What of the small tables that tenants share is one tenant's.
struct SharedRows: Sendable {
    let table: String
    let columns: [String]

    static let all = [
        SharedRows(
            table: "dead_letter",
            columns: [
                "consumer", "topic", "partition", "offset", "recorded_at", "key", "tenant", "aggregate", "sequence",
                "type", "state", "reason", "attempts", "parked_at", "headers", "body",
            ]),
        SharedRows(table: "pending_work", columns: ["kind", "tenant", "id", "since"]),
        SharedRows(table: "restored_tenants", columns: ["tenant", "origin", "backup", "state", "made_at"]),
    ]

    func remove(_ tenant: TenantID) -> SQL {
        SQL(raw: "delete from shared.\(table) where tenant = \(SQL.literal(tenant.text))").unprepared()
    }

    func rows(of tenant: TenantID, for target: TenantDatabase) -> SQL {
        let values = columns.map { $0 == "consumer" ? MovedRelation.renamed("consumer", on: target) : SQL.quoted($0) }
        let order = columns.contains("offset") ? " order by id" : ""
        return SQL(
            raw: "copy (select \(values.joined(separator: ", ")) from shared.\(table) "
                + "where tenant = \(SQL.literal(tenant.text))\(order)) to stdout"
        ).unprepared()
    }

    var receiving: SQL {
        SQL(raw: "copy shared.\(table) (\(columns.map(SQL.quoted).joined(separator: ", "))) from stdin").unprepared()
    }
}
