import HTTP
import JSON

/// The API reference as a page to read: plain HTML of our own, nothing loaded from elsewhere.
enum ReferencePage {
    static func html(_ document: JSON) -> String {
        var groups: [String: [Operation]] = [:]
        for (path, item) in document["paths"]?.object ?? [:] {
            for (method, operation) in item.object ?? [:] {
                let tag = operation["tags"]?[0]?.string ?? "other"
                groups[tag, default: []].append(Operation(method: method.uppercased(), path: path, json: operation))
            }
        }
        let tags = groups.keys.sorted()
        let schemas = document["components"]?["schemas"]?.object ?? [:]
        var body = "<h1>\(escaped(document["info"]?["title"]?.string ?? "")) API</h1>"
        body += "<p>\(escaped(document["info"]?["description"]?.string ?? "")) "
        body += "Machine-readable: <a href=\"/openapi.json\">openapi.json</a>. "
        body += "Errors: <a href=\"/docs/errors\">errors</a>.</p><nav>"
        body += tags.map { "<a href=\"#\($0)\">\(escaped($0))</a>" }.joined(separator: " · ") + "</nav>"
        for tag in tags {
            body += "<h2 id=\"\(escaped(tag))\">\(escaped(tag))</h2>"
            for operation in groups[tag] ?? [] { body += operation.html }
        }
        body += "<h2 id=\"schemas\">Schemas</h2>"
        for (name, schema) in schemas {
            body += "<details><summary><code>\(escaped(name))</code></summary>"
            body += "<pre id=\"schema-\(escaped(name))\">"
            body += "\(escaped(String(decoding: schema.serializePretty(), as: UTF8.self)))</pre></details>"
        }
        return page(title: "Guanxi API", body)
    }

    /// Every problem that any operation may answer.
    static func errors(_ types: [ProblemType]) -> String {
        var body = "<h1>Errors</h1><p>Every error is an <code>application/problem+json</code> object (RFC 9457). "
        body += "Program against <code>status</code> and <code>code</code>.</p>"
        for type in types.sorted(by: { ($0.status, $0.code) < ($1.status, $1.code) }) {
            body += "<section id=\"\(type.code)\"><h3><code>\(type.code)</code> \(type.status)</h3>"
            body += "<p>\(escaped(type.title(.english))) · \(escaped(type.title(.chinese)))</p>"
            body += "<p>\(escaped(type.advice(.english)))<br>\(escaped(type.advice(.chinese)))</p></section>"
        }
        return page(title: "Errors", body)
    }

    static func response(_ html: [UInt8]) -> HTTPResponse {
        HTTPResponse(
            .ok,
            headers: [
                "Content-Type": "text/html; charset=utf-8",
                "Content-Security-Policy":
                    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
                "Cache-Control": "max-age=60",
            ], body: .bytes(html))
    }

    // MARK: - Pieces

    private struct Operation {
        let method: String
        let path: String
        let json: JSON

        var html: String {
            // What a link names lies within the details, so that the browser opens them.
            let id = escaped(json["operationId"]?.string ?? "")
            var text = "<details><summary>"
            text += "<b class=\"\(method.lowercased())\">\(method)</b> <code>\(escaped(path))</code> "
            text += "\(escaped(json["summary"]?.string ?? ""))</summary><div id=\"\(id)\">"
            if let description = json["description"]?.string { text += "<p>\(escaped(description))</p>" }
            let roles = (json["x-roles"]?.array ?? []).compactMap(\.string).joined(separator: ", ")
            text += "<p>Permission: <code>\(escaped(json["x-permission"]?.string ?? ""))</code>"
            text += (roles.isEmpty ? "" : " (\(escaped(roles)))") + "</p>"
            text += parameters + requestBody + responses
            return text + "</div></details>"
        }

        private var parameters: String {
            let rows = (json["parameters"]?.array ?? []).map { parameter in
                """
                <tr><td><code>\(escaped(parameter["name"]?.string ?? ""))</code></td>\
                <td>\(escaped(parameter["in"]?.string ?? ""))</td>\
                <td>\(escaped(parameter["description"]?.string ?? ""))</td></tr>
                """
            }
            return rows.isEmpty ? "" : "<table>\(rows.joined())</table>"
        }

        private var requestBody: String {
            guard let (type, media) = json["requestBody"]?["content"]?.object?.first.map({ ($0.name, $0.value) }) else {
                return ""
            }
            return "<p>Body: <code>\(escaped(type))</code> \(link(media["schema"]))</p>"
        }

        private var responses: String {
            let rows = (json["responses"]?.object ?? [:]).map { status, response in
                let schema = response["content"]?.object?.first?.value["schema"]
                return """
                    <tr><td>\(escaped(status))</td><td>\(escaped(response["description"]?.string ?? ""))</td>\
                    <td>\(link(schema))</td></tr>
                    """
            }
            return "<table>\(rows.joined())</table>"
        }

        private func link(_ schema: JSON?) -> String {
            guard let name = schema?["$ref"]?.string?.split(separator: "/").last else { return "" }
            return "<a href=\"#schema-\(name)\"><code>\(escaped(String(name)))</code></a>"
        }
    }

    private static func page(title: String, _ body: String) -> String {
        """
        <!doctype html><html lang="en"><head><meta charset="utf-8"><title>\(escaped(title))</title>
        <meta name="viewport" content="width=device-width, initial-scale=1"><style>
        body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
        body{overflow-wrap:break-word}summary code{overflow-wrap:anywhere}code,pre{font:14px ui-monospace,monospace}pre{background:#f5f6f8;padding:1rem;overflow:auto}
        details{border-bottom:1px solid #e3e5e8;padding:.4rem 0}summary{cursor:pointer}
        table{border-collapse:collapse;display:block;overflow-x:auto}td{border-top:1px solid #eee;padding:.2rem .6rem;vertical-align:top}
        b{display:inline-block;min-width:4.5rem}.get{color:#0a6}.post{color:#06c}.put,.patch{color:#a60}.delete{color:#c22}
        @media(prefers-color-scheme:dark){body{background:#15181c;color:#e6e8ea}pre{background:#22262b}a{color:#7bf}}
        </style></head><body>\(body)</body></html>
        """
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
