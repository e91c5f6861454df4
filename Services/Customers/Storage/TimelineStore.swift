import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// Timelines in the tenant's schema.
enum TimelineStore {
    private static let columns: SQL = """
        event_id, part, account_id, at, place, kind, type, subject_kind, subject_id, sequence, actor, summary_en,
        summary_zh, details
        """

    /// Entries told again stay as they are.
    static func upsert(_ entries: [TimelineEntry], in schema: SchemaName) -> SQL {
        """
        insert into \(schema).timeline (\(columns))
        select * from unnest(\(entries.map { $0.event }), \(entries.map { Int16($0.part) }),
            \(entries.map { $0.account }), \(entries.map { $0.at }), \(entries.map { Int16($0.place) }), \(entries.map { $0.kind.rawValue }),
            \(entries.map { $0.type }), \(entries.map { $0.subjectKind }), \(entries.map { $0.subject }),
            \(entries.map { $0.sequence }), \(entries.map { $0.actor }), \(entries.map { $0.english }),
            \(entries.map { $0.chinese }), \(entries.map { JSON.object($0.details) }))
        on conflict (event_id, part) do update set account_id = excluded.account_id, at = excluded.at,
            place = excluded.place, kind = excluded.kind, summary_en = excluded.summary_en,
            summary_zh = excluded.summary_zh, details = excluded.details
        """
    }

    /// What happened to subjects so far follows them to their customer.
    static func relink(_ links: [TimelineLink], in schema: SchemaName) -> SQL {
        """
        update \(schema).timeline t set account_id = l.account_id
        from unnest(\(links.map(\.subject)), \(links.map(\.account))) as l(subject_id, account_id)
        where t.subject_id = l.subject_id and t.part = 0 and t.account_id is distinct from l.account_id
        """
    }

    // MARK: - Reading

    /// What a page may be filtered by.
    static let filters = ObjectSchema(
        "TimelineFilters",
        [
            FieldDefinition("at", .timestamp, zh: "时间", en: "When", .required),
            FieldDefinition("kind", .choice(of: TimelineKind.self), zh: "类型", en: "Kind", .required),
            FieldDefinition("type", .string(max: 60), zh: "事件类型", en: "Type of the event", .required),
            FieldDefinition("subjectId", .uuid, zh: "对象", en: "Subject", .required),
            FieldDefinition("actor", .string(max: 60), zh: "操作人", en: "Actor"),
        ])

    /// Where a page ends; the next one begins behind it.
    struct Position: Sendable, Hashable, LosslessStringConvertible {
        let at: Timestamp
        let place: Int64
        let event: UUID
        let part: Int64

        init(_ entry: TimelineEntry) {
            (at, place, event, part) = (entry.at, entry.place, entry.event, entry.part)
        }

        init?(_ text: String) {
            let parts = text.split(separator: "/")
            guard parts.count == 4, let at = Int64(parts[0]), let place = Int64(parts[1]),
                let event = UUID(String(parts[2])), let part = Int64(parts[3])
            else { return nil }
            (self.at, self.place, self.event, self.part) = (Timestamp(microseconds: at), place, event, part)
        }

        var description: String { "\(at.microseconds)/\(place)/\(event.lowercased)/\(part)" }
    }

    /// A page's entries and one more, if there is one.
    static func select(
        account: UUID, _ query: ListQuery, oldestFirst: Bool, after position: Position?, in schema: SchemaName
    ) -> SQL {
        let direction: SQL = oldestFirst ? "asc" : "desc"
        var conditions: [SQL] = ["account_id = \(account)", query.filter.condition]
        if let position {
            conditions.append(
                """
                (at, place, event_id, part) \(raw: oldestFirst ? ">" : "<") (\(position.at), \(position.place)::smallint,
                    \(position.event), \(position.part)::smallint)
                """)
        }
        return """
            select \(columns) from \(schema).timeline where \(conditions.joined(separator: " and "))
            order by at \(direction), place \(direction), event_id \(direction), part \(direction)
            limit \(query.limit + 1)
            """
    }

    /// The entries with the names of the people in them.
    static func naming(
        _ entries: some Collection<TimelineEntry>, _ directory: Directory?, _ tenant: TenantID
    ) async throws -> [TimelineEntry] {
        let handovers = entries.map { Handover($0) }
        let people = try await directory?.people(handovers.flatMap { $0?.people ?? [] }, tenant: tenant, asked: nil)
        return zip(entries, handovers).map { entry, handover in
            guard let text = handover?.text({ people?[$0]?.name }) else { return entry }
            var entry = entry
            entry.english += text.en
            entry.chinese += text.zh
            return entry
        }
    }

    static func entry(_ row: Row) throws -> TimelineEntry {
        let kind: String = try row.get(5)
        return TimelineEntry(
            event: try row.get(0), part: Int64(try row.get(1, as: Int16.self)), account: try row.get(2),
            at: try row.get(3), place: Int64(try row.get(4, as: Int16.self)),
            kind: TimelineKind(rawValue: kind) ?? .account, type: try row.get(6), subjectKind: try row.get(7),
            subject: try row.get(8), sequence: try row.get(9), actor: try row.get(10), english: try row.get(11),
            chinese: try row.get(12), details: try row.get(13, as: JSON.self).object ?? [:])
    }
}

extension TimelineEntry {
    var json: JSON {
        [
            "id": .string(part == 0 ? event.lowercased : "\(event.lowercased).\(part)"), "at": at.json,
            "kind": kind.rawValue.json, "type": type.json,
            "subject": ["kind": subjectKind.json, "id": subject.json, "version": .int(sequence)],
            "actor": actor.json, "summary": ["en": english.json, "zh": chinese.json], "details": .object(details),
        ]
    }
}
