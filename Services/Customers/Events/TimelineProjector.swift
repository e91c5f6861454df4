import Contracts
import EventLog
import Foundation
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// Keeps each customer's timeline from the events of every service that has to do with customers.
///
/// A new consumer group reads everything from the start and writes the same entries over those that are there.
struct TimelineProjector: EventHandler {
    static let group = "timeline"
    static let topics: [Topic] = [.leads, .opportunities, .customers]
    private static let aggregates: Set<String> = ["account", "contact", "lead", "opportunity", "order"]

    let types = Set(EventCatalogue.all.filter { aggregates.contains($0.aggregate) }.map(\.type))

    func apply(_ events: [CloudEvent], in tx: TenantTransaction) async throws {
        let told = events.compactMap { ToldEvent($0) }
        let entries = told.flatMap { Timeline.entries(of: $0, zone: tx.tenant.zone) }
        var links: [UUID: TimelineLink] = [:]
        for link in told.compactMap({ Timeline.link(of: $0) }) { links[link.subject] = link }
        var statements: [SQL] = []
        if !entries.isEmpty { statements.append(TimelineStore.upsert(entries, in: tx.schema)) }
        if !links.isEmpty { statements.append(TimelineStore.relink(Array(links.values), in: tx.schema)) }
        if !statements.isEmpty { try await tx.pipeline(statements) }
    }
}

extension ToldEvent {
    /// nil for a tombstone and for what has no UUID.
    init?(_ event: CloudEvent) {
        guard let data = event.data, let subject = UUID(event.aggregateID) else { return nil }
        self.init(
            id: event.id, type: event.type,
            aggregate: EventCatalogue[type: event.type]?.aggregate ?? event.aggregateType, subject: subject,
            sequence: event.sequence, time: event.time, actor: event.actor, data: data)
    }
}
