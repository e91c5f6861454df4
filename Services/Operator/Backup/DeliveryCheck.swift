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

    /// What kind of aggregates a table has. Others (rules, sources) change without events.
    static let kinds = [
        "users": "user", "teams": "team", "business_lines": "businessLine", "leads": "lead",
        "opportunities": "opportunity", "products": "product", "pipelines": "pipeline", "targets": "target",
        "contracts": "contract", "accounts": "account", "contacts": "contact", "orders": "order",
        "lifecycle_policy": "lifecyclePolicy",
    ]

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

    /// - Throws: ``DeliveryGap``.
    func run() async throws {
        for producer in snapshots where producer.service.name != Topic.analytics.rawValue {
            guard let topic = Topic(rawValue: producer.service.name) else { continue }
            let consumers = try await consumers(of: topic)
            for table in try await TenantTables.all(of: tenant, on: producer.transaction) {
                // Copies of the directory have the same names, and no version.
                guard let kind = Self.kinds[table.name], table.columns.contains("version") else { continue }
                try await check(table, kind, of: producer, consumers)
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
        _ table: TenantTables.Table, _ kind: String, of producer: TenantCut.Snapshot, _ consumers: [Consumer]
    ) async throws {
        var last = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        while true {
            let rows = try await producer.transaction.query(
                """
                select id, version from \(schema: tenant).\(ident: table.name)
                where version > 0 and id > \(last) order by id limit \(Self.page)
                """)
            guard !rows.isEmpty else { return }
            let aggregates = try rows.map { Aggregate(id: try $0.get(0), version: try $0.get(1)) }
            last = aggregates[aggregates.count - 1].id
            for consumer in consumers { try await check(aggregates, kind, of: producer, by: consumer) }
        }
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
            if let gap { throw DeliveryGap(consumer: consumer.group, sequence: gap, aggregate: "\(kind)/\(id)") }
        }
    }
}

/// An event that a consumer has not done and no outbox has any more.
struct DeliveryGap: Error, CustomStringConvertible {
    let consumer: String
    let sequence: Int64
    let aggregate: String

    var description: String {
        "the consumer \(consumer) has not done event \(sequence) of \(aggregate), which only the event log still has"
    }
}
