import Contracts
import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Values

/// What happened to an aggregate by a write: becomes its one event.
public struct EventDraft: Sendable {
    /// The second half of the event's type: `created`, `stage-moved`.
    public let name: String
    /// Members of the event's data besides the snapshot and the previous values.
    public let details: JSONObject

    public init(_ name: String, details: JSONObject = [:]) {
        self.name = name
        self.details = details
    }

    public static let created = EventDraft("created")
    public static let updated = EventDraft("updated")
    public static let deleted = EventDraft("deleted")
    public static let restored = EventDraft("restored")
}

extension Aggregate {
    /// The event of a write that led from `old` to this version; nil for what only concerns the service itself (its
    /// type is not in the event catalogue).
    ///
    /// Its data: `{"<aggregate>": <snapshot>, "previous": {<changed members' old values>}, …details}`.
    public func event(
        _ event: EventDraft, from old: Self? = nil, source: String, _ context: WriteContext
    ) -> CloudEvent? {
        let entity = Self.catalogue
        let type = "\(Self.eventPrefix).\(event.name)"
        guard let definition = EventCatalogue[type: type] else { return nil }
        let data = definition.data(
            of: entity.encode(self), previous: old.map { entity.previous($0, comparedWith: self) } ?? [:],
            details: event.details)
        return CloudEvent(
            id: UUIDv7.make(at: context.now), source: source, type: type, aggregateType: entity.name,
            aggregateID: id.lowercased, time: context.occurredAt, tenant: context.tenant, sequence: version,
            traceparent: context.traceparent, actor: context.principal.subject, data: data)
    }

    /// `business-line` of the entity `businessLine`.
    static var eventPrefix: String {
        catalogue.name.reduce(into: "") { $0 += $1.isUppercase ? "-" + $1.lowercased() : String($1) }
    }
}
