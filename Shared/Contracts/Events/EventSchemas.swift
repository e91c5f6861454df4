import Entities
import JSON
import Values

extension EventDefinition {
    /// JSON Schema 2020-12 of the event's data, complete in itself.
    public var jsonSchema: JSON {
        var properties: JSONObject = [
            aggregate: EventDefinition.plain(snapshot.jsonSchema(.object)),
            "previous": ["type": "object", "description": "Old values of the members that changed."],
        ]
        for member in EventDefinition.plain(details.jsonSchema(.object))["properties"]?.object ?? [:] {
            properties[member.name] = member.value
        }
        return [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": type.json, "description": en.json,
            "type": "object", "properties": .object(properties), "required": properties.names.json,
        ]
    }

    private static let formOnly: Set<String> = [
        "title", "x-label-zh", "readOnly", "minLength", "maxLength", "minimum", "maximum", "maxItems",
    ]

    /// Without what only forms and API documents need, and without bounds: those are the API's, and may widen.
    private static func plain(_ schema: JSON) -> JSON {
        switch schema {
        case .object(let members):
            .object(
                JSONObject(
                    members.filter { !formOnly.contains($0.name) || $0.value.object != nil }
                        .map { ($0.name, plain($0.value)) }))
        case .array(let elements): .array(elements.map(plain))
        default: schema
        }
    }
}

/// Whether what consumers were promised still holds.
public enum SchemaCompatibility {
    /// Every promise of `released` that `current` breaks; empty when it only adds.
    ///
    /// Allowed: more members. Everything else that a reader may rely on must stay: names, types, bounds, formats, and
    /// that a member is always there. New members may be required, since it is the producer who must write them.
    public static func breaks(released: JSON, current: JSON, at path: JSONPointer = JSONPointer()) -> [String] {
        guard let old = released.object, let new = current.object else {
            return released == current ? [] : ["\(path): the schema changed"]
        }
        var found: [String] = []
        for member in old where !annotations.contains(member.name) {
            let now = new[member.name]
            switch member.name {
            case "properties": found += members(member.value, now ?? [:], at: path)
            case "items": found += breaks(released: member.value, current: now ?? true, at: path / "items")
            case "required":
                let kept = now?.array ?? []
                found += (member.value.array ?? []).filter { !kept.contains($0) }
                    .map { "\(path): \($0) is not always there any more" }
            default:
                if member.value != now {
                    found.append("\(path): \(member.name) was \(member.value), is \(now ?? "absent")")
                }
            }
        }
        for member in new where !old.contains(member.name) && !annotations.contains(member.name) {
            found.append("\(path): \(member.name) is new")
        }
        return found
    }

    private static let annotations: Set<String> = ["title", "description", "$schema", "x-label-zh", "x-references"]

    private static func members(_ old: JSON, _ new: JSON, at path: JSONPointer) -> [String] {
        (old.object ?? [:]).flatMap { member in
            guard let now = new[member.name] else { return ["\(path): the member \(member.name) is gone"] }
            return breaks(released: member.value, current: now, at: path / member.name)
        }
    }
}
