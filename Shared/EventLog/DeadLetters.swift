import Foundation
import Postgres
import Tenancy
import Values

/// An event put aside.
public struct DeadLetter: Sendable, Hashable {
    public let id: Int64
    public let consumer: String
    /// Empty when the record named none that can be read.
    public let tenant: String
    /// Kind and id of the aggregate, "lead/<id>".
    public let aggregate: String
    public let sequence: Int64
    public let type: String
    /// "poison" (see `reason`), "gap" (an earlier event is missing) or "waiting" (behind a poison one).
    public let state: String
    public let reason: String
    public let attempts: Int
    public let parkedAt: Timestamp
    public let stored: StoredRecord

    var key: InboxKey { InboxKey(tenant: tenant, aggregate: aggregate) }
}

/// What driving an aggregate's parked events again came to.
public struct RedriveResult: Sendable, Hashable {
    public var applied = 0
    /// Events still parked, and why the first of them is.
    public var remaining = 0
    public var reason: String?

    public init(applied: Int = 0, remaining: Int = 0, reason: String? = nil) {
        self.applied = applied
        self.remaining = remaining
        self.reason = reason
    }
}

/// A consumer's parked events: list, show, drive again.
public struct DeadLetters: Sendable {
    let consumer: EventConsumer

    /// Parked events, oldest first, from after `id`; of one tenant or all.
    public func list(tenant: TenantID? = nil, after id: Int64 = 0, limit: Int = 100) async throws -> [DeadLetter] {
        try await letters(
            """
            id > \(id) and (\(tenant?.text) is null or tenant = \(tenant?.text)) order by id limit \(limit)
            """)
    }

    public func show(_ id: Int64) async throws -> DeadLetter? { try await letters("id = \(id)").first }

    /// Numbers of parked events by state.
    public func counts() async throws -> [String: Int] {
        let rows = try await consumer.database.consume { [consumer] tx in
            try await tx.events().query(
                """
                select state, count(*) from shared.dead_letter where consumer = \(consumer.inbox.consumer) group by 1
                """)
        }
        return try rows.reduce(into: [:]) { $0[try $1.get(0)] = try $1.get(1) }
    }

    /// Tries a parked event's aggregate again: its parked events in their order, until one fails or all are done.
    public func redrive(_ id: Int64) async throws -> RedriveResult? {
        guard let letter = try await show(id) else { return nil }
        return try await consumer.redrive(letter.key)
    }

    /// Tries everything parked again, or everything of one tenant.
    public func redriveAll(tenant: TenantID? = nil) async throws -> RedriveResult {
        let rows = try await consumer.database.consume { [consumer] tx in
            try await tx.events().query(
                """
                select tenant, aggregate from shared.dead_letter where consumer = \(consumer.inbox.consumer)
                    and (\(tenant?.text) is null or tenant = \(tenant?.text)) group by 1, 2 order by min(id)
                """)
        }
        var total = RedriveResult()
        for row in rows {
            let result = try await consumer.redrive(InboxKey(tenant: try row.get(0), aggregate: try row.get(1)))
            total.applied += result.applied
            total.remaining += result.remaining
            total.reason = total.reason ?? result.reason
        }
        return total
    }

    /// Gives an event up: it counts as done without an effect, and those behind it go on.
    public func discard(_ id: Int64) async throws -> RedriveResult? {
        guard let letter = try await show(id) else { return nil }
        return try await consumer.redrive(letter.key, discarding: id)
    }

    private func letters(_ condition: SQL) async throws -> [DeadLetter] {
        let rows = try await consumer.database.consume { [consumer] tx in
            try await tx.events().query(consumer.inbox.letters(condition))
        }
        return try rows.map(DeadLetter.init)
    }
}

extension Inbox {
    func letters(_ condition: SQL) -> SQL {
        """
        select id, topic, partition, "offset", recorded_at, key, tenant, aggregate, sequence, type, state, reason,
            attempts, parked_at, headers, body, consumer
        from shared.dead_letter where consumer = \(consumer) and \(condition)
        """
    }
}

extension DeadLetter {
    init(_ row: Row) throws {
        self.init(
            id: try row["id"], consumer: try row["consumer"], tenant: try row["tenant"],
            aggregate: try row["aggregate"], sequence: try row["sequence"], type: try row["type"],
            state: try row["state"], reason: try row["reason"], attempts: Int(try row.get("attempts", as: Int32.self)),
            parkedAt: try row["parked_at"],
            stored: StoredRecord(
                source: TopicPartition(try row["topic"], Int(try row.get("partition", as: Int32.self))),
                offset: try row["offset"], time: try row["recorded_at"],
                record: EventRecord(
                    key: try row["key"], headers: HeaderBlock(bytes: try row["headers"]), body: try row["body"])))
    }
}
