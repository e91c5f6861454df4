import Entities
import JSON
import Values

/// A service's topic in the event log: every event of its aggregates, keyed by tenant and aggregate.
public enum Topic: String, Sendable, Hashable, CaseIterable {
    case gateway, leads, opportunities, customers, analytics

    /// `guanxi.leads`
    public var name: String { "guanxi.\(rawValue)" }

    /// So many in every topic, for ever: keys never move.
    public static let partitions = 12
}

/// A kind of event without its Swift types: for the catalogue, documents and generic producers.
public struct EventDefinition: Sendable, Hashable {
    /// `lead.status-changed`
    public let type: String
    public let topic: Topic
    /// The member that holds the snapshot: `lead`, `businessLine`.
    public let aggregate: String
    /// The sentence that says when it happens.
    public let zh: String
    public let en: String
    public let snapshot: ObjectSchema
    /// Members beside the snapshot.
    public let details: ObjectSchema

    /// The event's data: the snapshot's members in their order (from the service's own JSON of the aggregate, of which
    /// the rest stays inside), the old values of what changed, and the details.
    public func data(of aggregate: JSON, previous: JSONObject = [:], details: JSONObject = [:]) -> JSON {
        let known = previous.filter { snapshot[$0.name] != nil || (snapshot.hasCustom && $0.name == "custom") }
        var members: [JSONObject.Member] = [
            (self.aggregate, EventDefinition.shaped(aggregate, as: snapshot)),
            ("previous", .object(JSONObject(distinct: known))),
        ]
        for field in self.details.fields { members.append((field.name, details[field.name] ?? .null)) }
        return .object(JSONObject(distinct: members))
    }

    private static func shaped(_ json: JSON, as schema: ObjectSchema) -> JSON {
        let given = json.object ?? [:]
        var members: [JSONObject.Member] = []
        members.reserveCapacity(schema.fields.count + 1)
        // The service's catalogue has them in the same order, with more between: seldom is one to be searched for.
        var next = 0
        for field in schema.fields {
            while next < given.count, given[next].name != field.name { next += 1 }
            if next < given.count {
                members.append(given[next])
                next += 1
            } else {
                members.append((field.name, given[field.name] ?? .null))
                next = 0
            }
        }
        if schema.hasCustom { members.append(("custom", json["custom"] ?? [:])) }
        return .object(JSONObject(distinct: members))
    }
}

/// A kind of event with the Swift types of what it carries.
public struct EventKind<State: CatalogueRecord, Details: CatalogueRecord>: Sendable {
    public let definition: EventDefinition

    init(_ type: String, _ topic: Topic, zh: String, en: String) {
        definition = EventDefinition(
            type: type, topic: topic, aggregate: State.catalogue.name, zh: zh, en: en,
            snapshot: State.catalogue.schema, details: Details.catalogue.schema)
    }

    public var type: String { definition.type }

    public func data(of state: State, previous: JSONObject = [:], details: Details = Details()) -> JSON {
        definition.data(of: state.json, previous: previous, details: details.json.object ?? [:])
    }

    /// What an event's data say; tolerant of members that a newer version added.
    public func read(_ data: JSON) throws(ValidationFailure) -> EventContent<State, Details> {
        EventContent(
            state: try State(json: data[definition.aggregate] ?? .null), previous: data["previous"]?.object ?? [:],
            details: try Details(json: data))
    }
}

/// What one event says.
public struct EventContent<State: CatalogueRecord, Details: CatalogueRecord>: Sendable {
    /// The aggregate after the event.
    public let state: State
    /// Old values of what changed.
    public let previous: JSONObject
    public let details: Details
}

/// Nothing beside the snapshot.
public struct NoDetails: CatalogueRecord {
    public init() {}
    public static let catalogue = Entity<NoDetails>("noDetails", zh: "无", en: "None", [])
}
