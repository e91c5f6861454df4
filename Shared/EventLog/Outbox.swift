import Foundation
import JSON
import Postgres
import Values

/// Statements that put events into the service's outbox, in the transaction of what they tell.
///
/// Lock (update) the aggregate's row before its event is inserted, and let the event depend on the update having found
/// its row: use ``insert(_:from:sequence:aggregateID:data:)`` where both are in one flight. After the commit call
/// ``OutboxRelay/nudge()``.
///
/// The transaction's role says whose events they are; `tenant` of the events is not looked at. The table cannot be read
/// by tenants, so nothing can be returned from these inserts.
public enum Outbox {
    /// The columns a tenant's role may write.
    public static let columns: SQL =
        "event_id, source, type, aggregate_type, aggregate_id, sequence, occurred_at, traceparent, actor, data"

    /// Inserts events, in their order. At least one.
    public static func insert(_ events: [CloudEvent]) -> SQL {
        precondition(!events.isEmpty, "an insert of no events")
        if events.count == 1 { return "insert into shared.outbox (\(columns)) values (\(values(events[0])))" }
        return """
            insert into shared.outbox (\(columns))
            select \(raw: names("e.")) from \(unnest(events)) order by e.ordinal
            """
    }

    /// Inserts one event for each row of `relation`, usually the `returning` of a guarded update:
    ///
    ///     with u as (update … where id = $1 and version = $2 returning version)
    ///     insert into shared.outbox (…) select … from u
    ///
    /// - Parameters:
    ///   - relation: a name of the statement around it, `u`.
    ///   - sequence, aggregateID, data: expressions over `relation` instead of the event's own; `data` a `text`.
    public static func insert(
        _ event: CloudEvent, from relation: String, sequence: SQL? = nil, aggregateID: SQL? = nil, data: SQL? = nil
    ) -> SQL {
        """
        insert into shared.outbox (\(columns))
        select \(values(event, sequence: sequence, aggregateID: aggregateID, data: data)) from \(raw: relation)
        """
    }

    /// Inserts those of the events whose aggregate is in `relation`, in their order: a guarded update of many rows.
    ///
    /// - Parameter column: an expression over `relation` that is the aggregate's id as `text`.
    public static func insert(_ events: [CloudEvent], from relation: String, matching column: SQL) -> SQL {
        precondition(!events.isEmpty, "an insert of no events")
        return """
            insert into shared.outbox (\(columns))
            select \(raw: names("e.")) from \(unnest(events)) join \(raw: relation) on \(column) = e.aggregate_id
            order by e.ordinal
            """
    }

    /// Inserts events of the tenants they name; only the service's own role may.
    public static func insertNamingTenants(_ events: [CloudEvent]) -> SQL {
        precondition(!events.isEmpty, "an insert of no events")
        return events.map { "(\($0.tenant.text), \(values($0)))" as SQL }.joined(separator: ", ").prefixed(
            "insert into shared.outbox (tenant, \(columns)) values ")
    }

    /// The values of ``columns`` for one event.
    public static func values(
        _ event: CloudEvent, sequence: SQL? = nil, aggregateID: SQL? = nil, data: SQL? = nil
    ) -> SQL {
        """
        \(event.id), \(event.source), \(event.type), \(event.aggregateType), \
        \(aggregateID ?? "\(event.aggregateID)"), \(sequence ?? "\(event.sequence)"), \(event.time), \
        \(event.traceparent), \(event.actor), \(data ?? "\(event.jsonText)")
        """
    }

    private static func names(_ prefix: String) -> String {
        columns.text.split(separator: ", ").map { prefix + $0 }.joined(separator: ", ")
    }

    private static func unnest(_ events: [CloudEvent]) -> SQL {
        """
        unnest(\(events.map(\.id)), \(events.map(\.source)), \(events.map(\.type)), \(events.map(\.aggregateType)), \
        \(events.map(\.aggregateID)), \(events.map(\.sequence)), \(events.map(\.time)), \
        \(events.map(\.traceparent)), \(events.map(\.actor)), \(events.map(\.jsonText))) \
        with ordinality as e(\(columns), ordinal)
        """
    }
}

extension CloudEvent {
    /// The data as JSON text.
    fileprivate var jsonText: String? { json.map { String(decoding: $0, as: UTF8.self) } }
}

extension SQL {
    fileprivate func prefixed(_ start: SQL) -> SQL { start + self }
}
