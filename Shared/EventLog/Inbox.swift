import Foundation
import Postgres
import Values

/// The statements of a consumer's bookkeeping. They run with the role `<database>_events`.
struct Inbox: Sendable {
    let consumer: String

    /// Offsets done by one transaction, per partition.
    struct Advance: Sendable, Hashable {
        var expected: Int64
        var next: Int64
        var time: Timestamp
        /// Events before the first of these that the log no longer held.
        var missed: Int64 = 0
    }

    var restLock: SQL { EventConsumer.restLock(of: consumer) }

    /// True unless the consumers rest.
    var work: SQL { "select pg_try_advisory_xact_lock_shared(\(restLock))" }

    /// Moves offsets on, each only from the value this consumer knows, which fences one that lost its partition.
    /// Touches one row per partition, or the transaction must not go on.
    func advance(_ steps: [TopicPartition: Advance]) -> SQL {
        let steps = steps.sorted { $0.key < $1.key }
        return """
            update shared.inbox_offset o
            set next_offset = n.next, event_time = greatest(o.event_time, n.time)
            from unnest(\(steps.map(\.key.topic)), \(steps.map { Int32($0.key.partition) }),
                \(steps.map(\.value.expected)), \(steps.map(\.value.next)), \(steps.map(\.value.time)))
                as n(topic, partition, expected, next, time)
            where o.consumer = \(consumer) and o.topic = n.topic and o.partition = n.partition
                and o.next_offset = n.expected
            """
    }

    /// What is known of aggregates; one row each, in their order.
    ///
    /// Each is looked up by itself, which `limit` and the aggregate make sure of: as joins, planned while the tables are
    /// empty and kept by the connection, they would go through all rows of the consumer for each batch.
    func states(of keys: [InboxKey]) -> SQL {
        """
        select s.sequence, coalesce(d.poisoned, false), coalesce(d.parked, false)
        from unnest(\(keys.map { $0.tenant }), \(keys.map { $0.aggregate })) with ordinality as k(tenant, aggregate, ordinal)
        left join lateral (
            select sequence from shared.inbox_sequence
            where consumer = \(consumer) and tenant = k.tenant and aggregate = k.aggregate limit 1) s on true
        left join lateral (
            select bool_or(state = 'poison') as poisoned, count(*) > 0 as parked from shared.dead_letter
            where consumer = \(consumer) and tenant = k.tenant and aggregate = k.aggregate and sequence > 0) d on true
        order by k.ordinal
        """
    }

    /// Selects the tenants among those of the keys that were deleted. Asked after ``states(of:)``: who sees that nothing
    /// is known of an aggregate any more sees why.
    static func departed(_ keys: [InboxKey]) -> SQL {
        """
        select gone.id from shared.departed_tenants gone where gone.id = any(\(Set(keys.map(\.tenant)).sorted()))
            and not exists (select from shared.tenants there where there.id = gone.id)
        """
    }

    /// Whether one of these aggregates has got as far.
    func hasDone(_ sequence: Int64, tenant: String, _ aggregates: [String]) -> SQL {
        """
        select exists (select from shared.inbox_sequence where consumer = \(consumer) and tenant = \(tenant)
            and aggregate = any(\(aggregates)) and sequence >= \(sequence))
        """
    }

    static func state(_ row: Row) throws -> InboxState {
        InboxState(last: try row.get(0), isPoisoned: try row.get(1), hasParked: try row.get(2))
    }

    /// Stores the last sequences; `nil` when there are none.
    func store(_ sequences: [InboxKey: Int64]) -> SQL? {
        guard !sequences.isEmpty else { return nil }
        // In one order, so that two consumers' transactions cannot lock each other out.
        let rows = sequences.sorted { ($0.key.tenant, $0.key.aggregate) < ($1.key.tenant, $1.key.aggregate) }
        return """
            insert into shared.inbox_sequence as s (consumer, tenant, aggregate, sequence)
            select \(consumer), n.* from unnest(\(rows.map { $0.key.tenant }), \(rows.map { $0.key.aggregate }),
                \(rows.map { $0.value })) as n(tenant, aggregate, sequence)
            on conflict (consumer, tenant, aggregate) do update set sequence = excluded.sequence
            """
    }

    /// The offsets stored for partitions of topics.
    func offsets(_ topics: [String]) -> SQL {
        """
        select topic, partition, next_offset, event_time from shared.inbox_offset
        where consumer = \(consumer) and topic = any(\(topics))
        """
    }

    /// Notes where this consumer begins in partitions it never read.
    func begin(_ offsets: [TopicPartition: Int64]) -> SQL {
        let rows = offsets.sorted { $0.key < $1.key }
        return """
            insert into shared.inbox_offset (consumer, topic, partition, next_offset)
            select \(consumer), n.* from unnest(\(rows.map(\.key.topic)), \(rows.map { Int32($0.key.partition) }),
                \(rows.map(\.value))) as n(topic, partition, next)
            on conflict do nothing
            """
    }

    /// Waits for, and holds off, the consumer of a partition: taken before parked events are touched.
    func lock(_ partition: TopicPartition) -> SQL {
        """
        select from shared.inbox_offset where consumer = \(consumer) and topic = \(partition.topic)
            and partition = \(Int32(partition.partition)) for update
        """
    }

    func park(_ event: ReceivedEvent, _ state: ParkState, reason: String) -> SQL {
        let stored = event.stored
        return """
            insert into shared.dead_letter (consumer, topic, partition, "offset", recorded_at, key, tenant, aggregate,
                sequence, type, state, reason, headers, body)
            values (\(consumer), \(stored.source.topic), \(Int32(stored.source.partition)), \(stored.offset),
                \(stored.time), \(stored.record.key), \(event.key.tenant), \(event.key.aggregate), \(event.sequence),
                \(event.event?.type ?? ""), \(state.rawValue), \(reason), \(stored.record.headers.bytes), \(stored.record.body))
            on conflict do nothing
            """
    }
}
