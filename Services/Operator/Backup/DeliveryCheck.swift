import Contracts
import Foundation
import Postgres
import ServiceKit
import Values

/// Whether each consumer can get to where the services are: what it has not done must be among the events of the backup.
///
/// The outbox keeps events for an hour at least after they were published. A consumer that is farther behind finds the
/// rest in the log, and the log is not in a backup.
struct DeliveryCheck: Sendable {
    let snapshots: [TenantCut.Snapshot]
    let tenant: TenantID

    private static let page = 5_000

    /// An aggregate as its service has it.
    private struct Aggregate {
        let id: UUID
        let version: Int64
    }

    private struct Consumer {
        let snapshot: TenantCut.Snapshot
        let group: String
        /// It keeps a copy of the directory: what it never saw came before it, and is told with the next change.
        let beginsMidway: Bool
    }

    /// - Throws: ``ServiceKit/CommandFailure`` that names the consumer and the event it would miss.
    func run() async throws {
        guard let analytics = snapshots.first(where: { $0.service.name == Topic.analytics.rawValue }) else { return }
        for producer in snapshots where producer.service.name != Topic.analytics.rawValue {
            guard let topic = Topic(rawValue: producer.service.name) else { continue }
            let consumers = try await consumers(of: topic)
            for table in try await TenantTables.all(of: tenant, on: producer.transaction)
            where Set(table.columns).isSuperset(of: ["id", "version", "created_at"]) {
                try await check(table, of: producer, analytics, consumers)
            }
        }
    }

    private func consumers(of topic: Topic) async throws -> [Consumer] {
        var consumers: [Consumer] = []
        for snapshot in snapshots {
            let rows = try await snapshot.transaction.query(
                "select consumer, array_agg(distinct topic) from shared.inbox_offset group by 1 order by 1")
            for row in rows {
                let topics: [String] = try row.get(1)
                guard topics.contains(topic.name) else { continue }
                consumers.append(
                    Consumer(
                        snapshot: snapshot, group: try row.get(0), beginsMidway: topics == [Topic.gateway.name]))
            }
        }
        return consumers
    }

    private func check(
        _ table: TenantTables.Table, of producer: TenantCut.Snapshot, _ analytics: TenantCut.Snapshot,
        _ consumers: [Consumer]
    ) async throws {
        var last = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        while true {
            let rows = try await producer.transaction.query(
                """
                select id, version from \(schema: tenant).\(ident: table.name)
                where version > 0 and id > \(last) order by id limit \(Self.page)
                """)
            guard !rows.isEmpty else { return }
            let ids = try rows.map { try $0.get(0, as: UUID.self) }
            last = ids[ids.count - 1]
            // Its history says of what kind the table's aggregates are.
            let known = try await analytics.transaction.query(
                """
                select aggregate from \(schema: tenant).event_history
                where aggregate_id = any(\(ids.map(\.lowercased))) limit 1
                """)
            let aggregates = try rows.map { Aggregate(id: try $0.get(0), version: try $0.get(1)) }
            var kind: String? = try known.first?.get(0)
            if kind == nil { kind = try await self.kind(of: ids, in: producer) }
            // Rules and the like change without events.
            guard let kind else { return }
            for consumer in consumers { try await check(aggregates, kind, of: producer, by: consumer) }
        }
    }

    private func kind(of ids: [UUID], in producer: TenantCut.Snapshot) async throws -> String? {
        try await producer.transaction.query(
            """
            select aggregate_type from shared.outbox
            where tenant = \(tenant.text) and aggregate_id = any(\(ids.map(\.lowercased))) limit 1
            """
        ).first?.get(0)
    }

    /// What the consumer has not done must be in the outbox, or parked with it.
    private func check(
        _ aggregates: [Aggregate], _ kind: String, of producer: TenantCut.Snapshot, by consumer: Consumer
    ) async throws {
        let behind = try await consumer.snapshot.transaction.query(
            """
            select k.id, k.version, s.sequence from unnest(\(aggregates.map(\.id)), \(aggregates.map(\.version)))
                as k(id, version)
            left join lateral (
                select sequence from shared.inbox_sequence where consumer = \(consumer.group)
                    and tenant = \(tenant.text) and aggregate = \(kind) || '/' || k.id limit 1) s on true
            where coalesce(s.sequence, 0) < k.version and (s.sequence is not null or not \(consumer.beginsMidway))
            """)
        guard !behind.isEmpty else { return }
        let ids = try behind.map { try $0.get(0, as: UUID.self).lowercased }
        var available: [String: Set<Int64>] = [:]
        let waiting = try await producer.transaction.query(
            """
            select aggregate_id, sequence from shared.outbox
            where tenant = \(tenant.text) and aggregate_type = \(kind) and aggregate_id = any(\(ids))
            """)
        let parked = try await consumer.snapshot.transaction.query(
            """
            select substring(aggregate from '[^/]*$'), sequence from shared.dead_letter
            where consumer = \(consumer.group) and tenant = \(tenant.text)
                and aggregate = any(\(ids.map { "\(kind)/\($0)" }))
            """)
        for row in Array(waiting) + Array(parked) {
            available[try row.get(0), default: []].insert(try row.get(1))
        }
        for (id, row) in zip(ids, behind) {
            let done = try row.get(2, as: Int64?.self) ?? 0
            let gap = (done + 1...(try row.get(1))).first { !(available[id]?.contains($0) ?? false) }
            if let gap { throw missing(consumer.group, gap, "\(kind)/\(id)") }
        }
    }

    private func missing(_ consumer: String, _ sequence: Int64, _ aggregate: String) -> CommandFailure {
        CommandFailure(
            "the consumer \(consumer) has not done event \(sequence) of \(aggregate), which only the event log still has: "
                + "wait until guanxi status shows no lag, then back up again", code: .unavailable)
    }
}
