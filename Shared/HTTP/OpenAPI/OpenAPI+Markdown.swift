import JSON

extension OpenAPI {
    /// Every operation of a document in a line, by tag: `docs/api-reference.md`.
    public static func markdown(_ document: JSON) -> String {
        var lines = [
            "# API reference", "",
            "Every operation, made from the routes; a test compares. A running gateway shows the same with parameters,",
            "bodies and examples at `/docs`, and for programs at `/openapi.json`. How the API speaks is in",
            "[api.md](api.md), who may what in [permissions.md](permissions.md).", "",
        ]
        var groups: [String: [String]] = [:]
        for (path, item) in document["paths"]?.object ?? [:] {
            for (method, operation) in item.object ?? [:] {
                groups[operation["tags"]?[0]?.string ?? "other", default: []].append(row(method, path, operation))
            }
        }
        for (tag, rows) in groups.sorted(by: { $0.key < $1.key }) {
            lines += ["## \(tag)", "", "| operation | | permission | body | answers |", "|---|---|---|---|---|"]
            lines += rows + [""]
        }
        return lines.joined(separator: "\n")
    }

    private static func row(_ method: String, _ path: String, _ operation: JSON) -> String {
        let content = operation["requestBody"]?["content"]?.object?.first
        let body = content.map { name(of: $0.value["schema"]) ?? $0.name } ?? ""
        var answers: [String] = []
        var refusals: [String] = []
        for (status, response) in operation["responses"]?.object ?? [:] {
            guard response["x-codes"] == nil else {
                // Those that any operation may answer say nothing of this one.
                if !["400", "401", "403", "408", "413", "415", "429", "500", "503", "504"].contains(status) {
                    refusals.append(status)
                }
                continue
            }
            let schema = name(of: response["content"]?.object?.first?.value["schema"])
            answers.append(status + (schema.map { " `\($0)`" } ?? ""))
        }
        let all = answers.joined(separator: ", ") + (refusals.isEmpty ? "" : "; " + refusals.joined(separator: ", "))
        return "| `\(method.uppercased()) \(path)` | \(operation["summary"]?.string ?? "") | "
            + "`\(operation["x-permission"]?.string ?? "")` | \(body.isEmpty ? "" : "`\(body)`") | \(all) |"
    }

    private static func name(of schema: JSON?) -> String? {
        schema?["$ref"]?.string?.split(separator: "/").last.map(String.init)
    }
}
