import Foundation
import Postgres
import Runtime
import Values

/// A subscriber's own error on its way through the log's error handling.
private struct SubscriberFailure: Error {
    let error: any Error
}

extension PostgresEventLog {
    public func consume(group: String, topics: [String], batch: Int, subscriber: any EventSubscriber) async throws {
        let loop = database.group.here
        try await withTaskExecutorPreference(loop) { [self] in
            while true {
                do {
                    try await database.listening(to: ["guanxi_log"], login: role.login) { [self] notifications in
                        try await member(group, topics, batch, subscriber, notifications, loop)
                    }
                } catch let failure as SubscriberFailure {
                    throw failure.error
                } catch {
                    try Task.checkCancellation()
                    report(EventLogNotice(.warning, "log \(group)", "Reading begins anew: \(error)"))
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
        }
    }

    private func member(
        _ group: String, _ topics: [String], _ batch: Int, _ subscriber: any EventSubscriber,
        _ notifications: AsyncStream<PostgresNotification>, _ loop: EventLoop
    ) async throws {
        let bell = Bell()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for await notification in notifications where topics.contains(notification.payload) { bell.ring() }
                try Task.checkCancellation()
                throw EventLogError.unreachable("the connection that listens broke")
            }
            tasks.addTask { [self] in
                try await database.withLocks(role) { session in
                    var member = PostgresLogMember(
                        group: group, topics: topics, batch: batch, subscriber: subscriber, session: session,
                        notePace: self.notePace)
                    do { try await member.run(bell, loop) } catch {
                        // The locks end with the session: say so before another member has them.
                        await subscriber.revoked(member.partitions)
                        throw error
                    }
                }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }
}

/// A member of a group of the embedded log: which partitions it has, and how far it read them.
private struct PostgresLogMember {
    let group: String
    let topics: [String]
    let batch: Int
    let subscriber: any EventSubscriber
    let session: PostgresSession
    let notePace: Duration
    /// Parts held of each topic, and the next offset of each.
    private var held: [String: Set<Int>] = [:]
    private var next: [TopicPartition: Int64] = [:]
    private var noted = ContinuousClock.now

    init(
        group: String, topics: [String], batch: Int, subscriber: any EventSubscriber, session: PostgresSession,
        notePace: Duration
    ) {
        self.notePace = notePace
        self.group = group
        self.topics = topics.sorted()
        self.batch = batch
        self.subscriber = subscriber
        self.session = session
    }

    var partitions: Set<TopicPartition> {
        Set(held.flatMap { topic, parts in parts.map { TopicPartition(topic, $0) } })
    }

    mutating func run(_ bell: Bell, _ loop: EventLoop) async throws {
        for topic in topics { try await AdvisoryShares("log/\(group)/\(topic)").join(session) }
        var settled = ContinuousClock.now - .seconds(60)
        while true {
            try Task.checkCancellation()
            if ContinuousClock.now - settled > .milliseconds(500) {
                try await settle()
                settled = .now
            }
            if noted.duration(to: .now) >= notePace { try await note() }
            let rings = bell.rings
            let records = try await read()
            if records.isEmpty {
                await bell.wait(after: rings, upTo: .milliseconds(250), on: loop)
            } else {
                try await deliver(records)
            }
        }
    }

    // MARK: - Partitions

    private mutating func settle() async throws {
        let before = partitions
        let rows = try await session.query(
            "select name, partitions from shared.log_topic where name = any(\(topics))")
        for row in rows {
            let topic: String = try row.get(0)
            held[topic] = try await AdvisoryShares("log/\(group)/\(topic)").settle(
                Int(try row.get(1, as: Int32.self)), held: held[topic] ?? [], on: session)
        }
        guard partitions != before else { return }
        await subscriber.revoked(before)
        try await start()
    }

    /// Asks the subscriber where to begin.
    private mutating func start() async throws {
        next = [:]
        let partitions = partitions
        guard !partitions.isEmpty else { return }
        let positions = try await subscriber.assigned(partitions)
        let rows = try await session.query(
            """
            select t.name, p.partition, p.next_offset
            from shared.log_partition p join shared.log_topic t on t.id = p.topic where t.name = any(\(topics))
            """)
        for row in rows {
            let partition = TopicPartition(try row.get(0), Int(try row.get(1, as: Int32.self)))
            guard partitions.contains(partition) else { continue }
            switch positions[partition] ?? .earliest {
            case .earliest: next[partition] = 0
            case .latest: next[partition] = try row.get(2)
            case .offset(let offset): next[partition] = offset
            }
        }
        try await note()
    }

    /// Lets those who trim the log know how far this group is.
    private mutating func note() async throws {
        noted = .now
        guard !next.isEmpty else { return }
        let places = next.sorted { $0.key < $1.key }
        try await session.query(
            """
            insert into shared.log_group (name, topic, partition, next_offset)
            select \(group), t.id, n.partition, n.next
            from unnest(\(places.map(\.key.topic)), \(places.map { Int32($0.key.partition) }), \(places.map(\.value)))
                as n(topic, partition, next) join shared.log_topic t on t.name = n.topic order by t.id, n.partition
            on conflict (name, topic, partition) do update set next_offset = excluded.next_offset, seen_at = now()
            """)
    }

    // MARK: - Records

    /// Of the bodies read at once of a partition, in bytes; one that is larger comes alone.
    private static let mostBytes: Int64 = 1 << 20

    private func read() async throws -> [StoredRecord] {
        guard !next.isEmpty else { return [] }
        let from = next.sorted { $0.key < $1.key }
        let rows = try await session.query(
            """
            select f.topic, r.partition, r."offset", r.recorded_at, r.key, r.headers, r.body
            from unnest(\(from.map(\.key.topic)), \(from.map { Int32($0.key.partition) }), \(from.map(\.value)))
                as f(topic, partition, next)
            join shared.log_topic t on t.name = f.topic
            cross join lateral (
                select * from (
                    select *, sum(coalesce(octet_length(body), 0)) over (order by "offset" rows unbounded preceding)
                        - coalesce(octet_length(body), 0) as before from (
                        select * from shared.log_record r where r.topic = t.id and r.partition = f.partition
                            and r."offset" >= f.next order by r."offset" limit \(Int64(batch))) r
                ) r where before < \(Self.mostBytes)) r
            limit \(Int64(batch))
            """)
        return try rows.map { row in
            StoredRecord(
                source: TopicPartition(try row.get(0), Int(try row.get(1, as: Int32.self))), offset: try row.get(2),
                time: try row.get(3),
                record: EventRecord(
                    key: try row.get(4), headers: HeaderBlock(bytes: try row.get(5)), body: try row.get(6)))
        }
    }

    private mutating func deliver(_ records: [StoredRecord]) async throws {
        do {
            try await subscriber.receive(records)
            for record in records { next[record.source] = record.offset + 1 }
        } catch is EventReset {
            try await start()
        } catch {
            try Task.checkCancellation()
            throw SubscriberFailure(error: error)
        }
    }
}
