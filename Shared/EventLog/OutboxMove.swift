import Postgres
import Tenancy
import Values

/// What the move of a tenant to another server has to do with the outboxes of both: its events are waited for before it
/// goes, and those that were published go along, because a backup wants them, without being published again.
public enum OutboxMove {
    /// The first transaction that a cluster gives: what stands in its name is before all that a relay may not have seen.
    private static let before = RelayCursor.firstTransaction
    private static let columns: SQL = "bucket, tenant, \(Outbox.columns)"

    /// Selects whether events of a tenant wait to be published: as the relay reads, what a slot's cursor does not see,
    /// by transaction. What came along with a move was told before.
    ///
    /// - Parameter snapshot: only of those that it sees; of all when nil.
    public static func isWaiting(_ tenant: TenantID, of snapshot: String? = nil) -> SQL {
        let isMeant: SQL = snapshot.map { "pg_visible_in_snapshot(o.txid, \($0)::pg_snapshot)" } ?? "true"
        return """
            select exists (
                select from shared.relay_cursor c cross join lateral (
                    select from shared.outbox o
                    where (o.txid >= pg_snapshot_xmax(c.snapshot)
                            or o.txid = any(array(select pg_snapshot_xip(c.snapshot))))
                        and o.slot = c.slot and o.tenant = \(tenant.text) and \(isMeant)
                        and (c.upper is null or o.id > c.last_id or not pg_visible_in_snapshot(o.txid, c.upper))
                    limit 1) as w)
            or (select count(*) < \(raw: "\(OutboxReader.slots)") from shared.relay_cursor) and exists (
                select from shared.outbox o
                where o.tenant = \(tenant.text) and o.txid <> \(raw: SQL.literal(before))::xid8 and \(isMeant)
                    and not exists (select from shared.relay_cursor c where c.slot = o.slot))
            """
    }

    /// Selects whether the outbox has events of a tenant.
    public static func hasEvents(_ tenant: TenantID) -> SQL {
        "select exists (select from shared.outbox where tenant = \(tenant.text))"
    }

    /// Events that were published before the move, for ``receiving``.
    public static func rows(of tenant: TenantID) -> SQL {
        let copy: SQL = """
            copy (select \(raw: SQL.literal(before))::xid8, \(columns) from shared.outbox
                where tenant = \(raw: SQL.literal(tenant.text)) order by id) to stdout
            """
        return copy.unprepared()
    }

    /// What makes room for ``rows(of:)``: away with those of an attempt that was cut off, and a cursor for relays that have
    /// published nothing yet, which would begin with whatever is there.
    public static func preparing(_ tenant: TenantID) -> [SQL] {
        [
            """
            insert into shared.relay_cursor (slot, system_identifier, snapshot)
            select slot, system_identifier, \(RelayCursor.afterFirst.snapshot)::pg_snapshot
            from generate_series(0, \(raw: "\(OutboxReader.slots - 1)")) as slot cross join pg_control_system()
            on conflict do nothing
            """,
            "delete from shared.outbox where tenant = \(tenant.text) and txid = \(raw: SQL.literal(before))::xid8",
        ]
    }

    public static var receiving: SQL {
        let copy: SQL = "copy shared.outbox (txid, \(columns)) from stdin"
        return copy.unprepared()
    }
}

extension RelayCursor {
    /// The number of the first transaction of any cluster (`FirstNormalTransactionId`).
    fileprivate static let firstTransaction = "3"
    /// Sees that transaction and nothing after it.
    fileprivate static let afterFirst = RelayCursor(snapshot: "4:4:")
}
