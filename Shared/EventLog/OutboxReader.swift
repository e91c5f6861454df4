import Foundation
import Postgres
import Values

/// The relay's statements. They run with the role `<database>_outbox`.
enum OutboxReader {
    static let slots = 16

    /// Of the session that reads. The planner takes half an outbox of unknown snapshots for worth a scan of all of it, and
    /// a page of a million events for worth sorting all of them, once for each page. And it takes a plan for each snapshot
    /// for worth making it, which takes twice as long as the read.
    static let settings: [SQL] = [
        "set enable_seqscan = off", "set enable_sort = off", "set plan_cache_mode = force_generic_plan",
    ]

    private static let columns = """
        o.id, o.tenant, o.event_id, o.source, o.type, o.aggregate_type, o.aggregate_id, o.sequence, o.occurred_at,
        o.traceparent, o.actor, o.data
        """

    /// Of the data of one read, in bytes. Rows beyond come without it and are read again.
    static let mostBytes: Int64 = 8 << 20

    /// The transaction's part of the outbox that a snapshot does not see; indexable.
    private static func unseen(_ snapshot: String) -> SQL {
        """
        (o.txid >= pg_snapshot_xmax(\(snapshot)::pg_snapshot)
            or o.txid = any(array(select pg_snapshot_xip(\(snapshot)::pg_snapshot))))
        """
    }

    /// One row more than there are events: the first column is the snapshot they were read with, on every row.
    static func statement(_ read: RelayCursor.Read, slots: [Int16], page: Int) -> SQL {
        let rows: SQL =
            switch read {
            // Without an order the index on txid is the only way to find them.
            case .live(let snapshot):
                """
                select \(raw: columns) from shared.outbox o
                where \(unseen(snapshot)) and o.slot = any(\(slots)) limit \(page + 1)
                """
            // And here the one on id.
            case .page(let snapshot, let upper, let after):
                """
                select \(raw: columns) from shared.outbox o
                where o.id > \(after) and pg_visible_in_snapshot(o.txid, \(upper)::pg_snapshot)
                    and not pg_visible_in_snapshot(o.txid, \(snapshot)::pg_snapshot) and o.slot = any(\(slots))
                order by o.id limit \(page)
                """
            }
        return """
            select s.snapshot, o.* from (select pg_current_snapshot()::text as snapshot) s left join lateral (
                select id, tenant, event_id, source, type, aggregate_type, aggregate_id, sequence, occurred_at, traceparent,
                    actor, case when bytes <= \(mostBytes) then data end as data, bytes > \(mostBytes) as is_beyond
                from (
                    select *, sum(octet_length(data)) over (rows unbounded preceding) as bytes from (\(rows)) o
                ) o
            ) o on true
            """
    }

    /// Whether a row of ``statement(_:slots:page:)`` did not fit any more.
    static func isBeyond(_ row: Row) throws -> Bool { try row.get(13, as: Bool?.self) ?? false }

    /// Reads a row of ``statement(_:slots:page:)``; `nil` for the one that only tells the snapshot.
    static func event(_ row: Row) throws -> OutboxEvent? {
        guard let id = try row.get(1, as: Int64?.self) else { return nil }
        let tenant: String = try row.get(2)
        guard let tenantID = TenantID(tenant) else {
            throw PostgresError.unexpected("shared.outbox row \(id) names no tenant: \(tenant)")
        }
        let event = CloudEvent(
            id: try row.get(3), source: try row.get(4), type: try row.get(5), aggregateType: try row.get(6),
            aggregateID: try row.get(7), time: try row.get(9), tenant: tenantID, sequence: try row.get(8),
            traceparent: try row.get(10), actor: try row.get(11), data: nil)
        let body = row.withBytes(12) { $0.map(Array.init) }
        return OutboxEvent(id: id, time: event.time, record: event.record(body: body))
    }

    static func store(_ cursor: RelayCursor, slots: [Int16], server: DatabaseServer) -> SQL {
        """
        insert into shared.relay_cursor as c (slot, system_identifier, timeline, snapshot, upper, last_id)
        select s, \(server.system), \(server.timeline), \(cursor.snapshot)::pg_snapshot, \(cursor.upper)::pg_snapshot, \(cursor.lastID)
        from unnest(\(slots)) s
        on conflict (slot) do update set system_identifier = excluded.system_identifier,
            timeline = excluded.timeline, snapshot = excluded.snapshot,
            upper = excluded.upper, last_id = excluded.last_id, updated_at = now()
        """
    }

    static func cursors(_ slots: [Int16]) -> SQL {
        """
        select slot, system_identifier, timeline, snapshot::text, upper::text, last_id from shared.relay_cursor
        where slot = any(\(slots))
        """
    }

    /// How many events wait (counted up to a limit) and when the oldest of them occurred.
    static func depth(_ cursor: RelayCursor, slots: [Int16], limit: Int) -> SQL {
        """
        select count(*), min(occurred_at) from (
            select o.occurred_at from shared.outbox o
            where \(unseen(cursor.snapshot)) and o.slot = any(\(slots)) and o.id > \(cursor.lastID ?? 0)
            limit \(limit)) w
        """
    }
}

/// Which server the database is on, and on which of its lives: a cursor is good for both only.
struct DatabaseServer: Sendable, Hashable {
    let system: Int64
    /// Grows when a server goes on from an earlier moment, and when a standby takes over.
    let timeline: Int32

    // What the control file says of the timeline is as old as the last checkpoint.
    static let query: SQL = """
        select system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
        from pg_control_system()
        """

    init(_ row: Row) throws {
        system = try row.get(0)
        timeline = try row.get(1)
    }

    /// Whether a cursor stored with these is this server's; the last release stored no timeline.
    func owns(system: Int64, timeline: Int32?) -> Bool {
        system == self.system && timeline ?? self.timeline == self.timeline
    }
}

/// An event on its way from the outbox to the log.
struct OutboxEvent: Sendable {
    let id: Int64
    let time: Timestamp
    let record: EventRecord
}
