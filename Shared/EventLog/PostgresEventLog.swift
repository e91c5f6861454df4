import Foundation
import Postgres
import Runtime
import Synchronization
import Values

/// The embedded event log: the same topics, partitions, keys, offsets and groups in a PostgreSQL database of its own,
/// for one machine without a broker. The database is prepared with ``EventLogSchema/log()``.
public final class PostgresEventLog: EventLog {
    public let name = "postgres"
    /// An append is a commit, about a millisecond of the machine whatever its size: under load more events share it.
    public let appendPace = Duration.milliseconds(5)
    let database: PostgresDatabase
    let role: DatabaseRole
    let report: EventLogNotice.Report
    /// Members note this often how far they are.
    let notePace: Duration
    private let known = Mutex<[String: Int]>([:])

    /// - Parameter role: may use the log's tables.
    public convenience init(
        database: PostgresDatabase, role: DatabaseRole, report: @escaping EventLogNotice.Report = { _ in }
    ) {
        self.init(database: database, role: role, notePace: .seconds(60), report: report)
    }

    init(
        database: PostgresDatabase, role: DatabaseRole, notePace: Duration, report: @escaping EventLogNotice.Report
    ) {
        (self.database, self.role, self.notePace, self.report) = (database, role, notePace, report)
    }

    // MARK: - Topics

    public func createTopics(_ topics: [String], partitions: Int) async throws {
        for topic in topics.sorted() {
            _ = try await database.flight(
                role: role,
                [
                    """
                    insert into shared.log_topic (name, partitions) values (\(topic), \(Int32(partitions)))
                    on conflict do nothing
                    """,
                    """
                    insert into shared.log_partition (topic, partition)
                    select t.id, p from shared.log_topic t, generate_series(0, t.partitions - 1) p
                    where t.name = \(topic) on conflict do nothing
                    """,
                ])
        }
    }

    /// Number of partitions; asked for once, since it never changes.
    func partitions(of topic: String) async throws -> Int {
        if let count = known.withLock({ $0[topic] }) { return count }
        let rows = try await database.query(
            "select partitions from shared.log_topic where name = \(topic)", role: role)
        guard let row = rows.first else { throw EventLogError.unknownTopic(topic) }
        let count = Int(try row.get(0, as: Int32.self))
        known.withLock { $0[topic] = count }
        return count
    }

    public func bounds(of topic: String) async throws -> [Int: Range<Int64>] {
        let rows = try await database.query(
            """
            select p.partition, coalesce((select "offset" from shared.log_record r
                where r.topic = p.topic and r.partition = p.partition order by "offset" limit 1), p.next_offset),
                p.next_offset
            from shared.log_partition p join shared.log_topic t on t.id = p.topic where t.name = \(topic)
            """, role: role)
        guard !rows.isEmpty else { throw EventLogError.unknownTopic(topic) }
        return try rows.reduce(into: [:]) { bounds, row in
            bounds[Int(try row.get(0, as: Int32.self))] = try row.get(1)..<(try row.get(2))
        }
    }

    public func offsets(of topic: String, at time: Timestamp) async throws -> [Int: Int64] {
        let rows = try await database.query(
            """
            select p.partition, coalesce(min(r."offset"), p.next_offset)
            from shared.log_partition p join shared.log_topic t on t.id = p.topic
            left join shared.log_record r
                on r.topic = p.topic and r.partition = p.partition and r.recorded_at >= \(time)
            where t.name = \(topic) group by p.partition, p.next_offset
            """, role: role)
        guard !rows.isEmpty else { throw EventLogError.unknownTopic(topic) }
        return try rows.reduce(into: [:]) { $0[Int(try $1.get(0, as: Int32.self))] = try $1.get(1) }
    }

    public func isReachable() async -> Bool { (try? await database.query("select 1", role: role)) != nil }

    /// The database belongs to whoever made it; there is nothing to give up.
    public func close() async {}

    // MARK: - Appending

    public func append(_ records: [EventRecord], to topic: String) async throws {
        guard !records.isEmpty else { return }
        try records.validate(for: topic)
        let count = try await partitions(of: topic)
        let places = records.map { Int32(Partitioner.partition(of: $0.key, count: count)) }
        let results = try await database.flight(
            role: role,
            [
                // In one order, and held to the commit: offsets are given in the order of commits.
                """
                select from shared.log_partition
                where topic = (select id from shared.log_topic where name = \(topic))
                    and partition = any(\(Array(Set(places)).sorted())) order by partition for update
                """,
                Self.insertion(records, places, topic),
                "select pg_notify('guanxi_log', \(topic))",
            ])
        guard results[1].affected == records.count else { throw EventLogError.unknownTopic(topic) }
    }

    private static func insertion(_ records: [EventRecord], _ places: [Int32], _ topic: String) -> SQL {
        """
        with t as (select id from shared.log_topic where name = \(topic)),
        given as materialized (
            select partition, key, headers, body,
                row_number() over (partition by partition order by ordinal) - 1 as place
            from unnest(\(places), \(records.map(\.key)), \(records.map(\.headers.bytes)),
                \(records.map(\.body))) with ordinality as g(partition, key, headers, body, ordinal)),
        heads as (
            update shared.log_partition p set next_offset = p.next_offset + c.count
            from (select partition, count(*) as count from given group by partition) c, t
            where p.topic = t.id and p.partition = c.partition
            returning p.topic, p.partition, p.next_offset - c.count as base)
        insert into shared.log_record (topic, partition, "offset", key, headers, body)
        select h.topic, h.partition, h.base + g.place, g.key, g.headers, g.body
        from given g join heads h on h.partition = g.partition
        """
    }
}
