import Contracts
import EventLog
import Foundation
import JSON
import Postgres
import Values

/// Events that a consumer has put aside: in the copy they are told again, and put aside again if nothing was changed.
struct ParkedEvents: Sendable {
    let snapshot: TenantCut.Snapshot
    let tenant: TenantID

    /// Gives each of a topic, oldest first, as a row of ``UndeliveredEvents/columns``.
    func rows(of topic: Topic, _ receive: ([UInt8]) async throws -> Void) async throws {
        var last: Int64 = 0
        while true {
            let letters = try await snapshot.transaction.query(
                """
                select id, key, headers, body from shared.dead_letter
                where tenant = \(tenant.text) and topic = \(topic.name) and id > \(last)
                    and not starts_with(aggregate, 'tenant/')
                order by id limit 100
                """)
            guard !letters.isEmpty else { return }
            for letter in letters {
                last = try letter.get(0)
                let record = EventRecord(
                    key: try letter.get(1), headers: HeaderBlock(bytes: try letter.get(2)), body: try letter.get(3))
                // One that nobody can read will not be read from a copy either.
                guard let event = try? CloudEvent(record) else { continue }
                try await receive(Self.row(event, record.body))
            }
        }
    }

    private static func row(_ event: CloudEvent, _ body: [UInt8]?) -> [UInt8] {
        let fields: [String?] = [
            event.id.lowercased, event.source, event.type, event.aggregateType, event.aggregateID,
            String(event.sequence), event.time.description, event.traceparent, event.actor,
            body.map { String(decoding: $0, as: UTF8.self) },
        ]
        return Array((fields.map(escaped).joined(separator: "\t") + "\n").utf8)
    }

    /// A value in the text format of `COPY`.
    private static func escaped(_ field: String?) -> String {
        guard let field else { return "\\N" }
        return field.replacing("\\", with: "\\\\").replacing("\t", with: "\\t").replacing("\n", with: "\\n")
            .replacing("\r", with: "\\r")
    }
}
