import Entities
import JSON
import Values

extension EventCatalogue {
    /// The page `docs/events.md`, rendered from the catalogue.
    public static func markdown() -> String {
        var text = """
            # Events

            Rendered from `Shared/Contracts`; a test compares. Events are CloudEvents 1.0 in binary mode: attributes in \
            `ce_*` headers, JSON in the body. Topics have \(Topic.partitions) partitions; the key is \
            `<tenant>/<aggregate id>`, so that all events of one aggregate are in order. `sequence` is the aggregate's \
            version, contiguous from 1.

            Every event carries the aggregate as it is after the event (the member named like the aggregate), and in \
            `previous` the old values of what changed. Members are only ever added: ignore those you do not know. The \
            JSON Schemas are in `Shared/Contracts/Released/`, one file for each type.

            """
        for topic in Topic.allCases {
            let events = all(of: topic)
            guard !events.isEmpty else { continue }
            text += "\n## `\(topic.name)`\n\n| type | when | 何时 | carries beside the aggregate |\n|---|---|---|---|\n"
            for event in events {
                let details = event.details.fields.map { "`\($0.name)`" }.joined(separator: ", ")
                text += "| `\(event.type)` | \(event.en) | \(event.zh) | \(details) |\n"
            }
            var seen: Set<String> = []
            for event in events where seen.insert(event.aggregate).inserted {
                text += "\n### `\(event.aggregate)`\n\n" + table(event.snapshot)
            }
        }
        text += "\n## Details\n"
        var seen: Set<String> = []
        for event in all where !event.details.fields.isEmpty && seen.insert(event.details.name).inserted {
            let types = all.filter { $0.details == event.details }.map { "`\($0.type)`" }.joined(separator: ", ")
            text += "\n### \(types)\n\n" + table(event.details)
        }
        return text
    }

    private static func table(_ schema: ObjectSchema) -> String {
        var text = "| member | type | meaning | 含义 |\n|---|---|---|---|\n"
        for field in schema.fields {
            let null = field.isNullable ? " or null" : ""
            let help = field.help.map { ": \($0)" } ?? ""
            text += "| `\(field.name)` | \(word(field.type))\(null) | \(field.en)\(help) | \(field.zh) |\n"
        }
        if schema.hasCustom { text += "| `custom` | object | The tenant's own fields | 自定义字段 |\n" }
        return text
    }

    private static func word(_ type: FieldType) -> String {
        switch type {
        case .reference(let entity): "id of \(entity)"
        case .list(.object(let schema), _): "list of {\(schema.fields.map(\.name).joined(separator: ", "))}"
        case .list(let element, _): "list of \(word(element))"
        default: type.name
        }
    }
}
