import Postgres
import Values

extension PostgresEventLog {
    /// Of a partition, in one transaction.
    private static let piece: Int64 = 500

    /// Forgets records taken before a time, piece by piece, but none that a group has not read which was seen since then:
    /// that one is named in a warning. Who was not seen for so long is taken for gone, as a broker takes everybody.
    ///
    /// Returns how many. While somebody else trims, nothing is done.
    @discardableResult
    public func trim(before time: Timestamp) async throws -> Int {
        _ = try await database.query("delete from shared.log_group where seen_at < \(time)", role: role)
        var all = 0
        while true {
            let count = try await database.query(Self.removal(before: time), role: role).affected
            guard count > 0 else { break }
            all += count
        }
        let waiting = try await database.query(Self.waiting(before: time), role: role).map {
            try $0.get(0, as: String.self)
        }
        if !waiting.isEmpty {
            report(
                EventLogNotice(
                    .warning, "log",
                    "Events of before \(time) are kept, because they are not read yet by \(waiting.joined(separator: ", "))."
                ))
        }
        return all
    }

    /// The oldest of each partition, by the index: a look at each partition when there is nothing to do.
    private static func removal(before time: Timestamp) -> SQL {
        """
        delete from shared.log_record r using (
            select p.topic, p.partition, old."offset"
            from shared.log_partition p
            cross join lateral (
                select recorded_at from shared.log_record r where r.topic = p.topic and r.partition = p.partition
                order by "offset" limit 1) first
            cross join lateral (
                select min(next_offset) as next from shared.log_group g
                where g.topic = p.topic and g.partition = p.partition) unread
            cross join lateral (
                select "offset", recorded_at from shared.log_record r
                where r.topic = p.topic and r.partition = p.partition order by "offset" limit \(piece)) old
            where first.recorded_at < \(time) and old.recorded_at < \(time)
                and (unread.next is null or old."offset" < unread.next)
                and (select pg_try_advisory_xact_lock(hashtextextended('guanxi_log trim', 0)))) gone
        where r.topic = gone.topic and r.partition = gone.partition and r."offset" = gone."offset"
        """
    }

    /// The groups for which something older is kept.
    private static func waiting(before time: Timestamp) -> SQL {
        """
        select distinct g.name from shared.log_group g cross join lateral (
            select "offset", recorded_at from shared.log_record r where r.topic = g.topic and r.partition = g.partition
            order by "offset" limit 1) first
        where first.recorded_at < \(time) and g.next_offset <= first."offset" order by 1
        """
    }
}
