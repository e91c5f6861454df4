import HTTP
import JSON

/// One operation of the API reference: all that a caller needs to call it and to understand the answer.
struct OperationSection {
    let method: String
    let path: String
    let operation: JSON
    let frame: PageFrame

    private var schemas: SchemaText { SchemaText(frame: frame) }

    var html: String {
        // What a link names lies within the details, so that the browser opens them.
        let id = PageFrame.escaped(operation["operationId"]?.string ?? "")
        var text = "<details class=\"operation\"><summary><h3>"
        text += "<b class=\"\(method)\">\(method.uppercased())</b> \(PageFrame.code(path)) "
        text += "\(frame.english(operation["summary"]?.string ?? ""))</h3></summary><div id=\"\(id)\">"
        if let description = operation["description"]?.string { text += "<p>\(frame.english(description))</p>" }
        return text + permission + parameters + requestBody + answers + errors + "</div></details>"
    }

    private var permission: String {
        let roles = (operation["x-roles"]?.array ?? []).compactMap(\.string).joined(separator: ", ")
        return "<p>\(frame.say(en: "Permission: ", zh: "权限："))"
            + PageFrame.code(operation["x-permission"]?.string ?? "")
            + (roles.isEmpty ? "" : " (\(PageFrame.escaped(roles)))") + "</p>"
    }

    // MARK: - Asking

    private var parameters: String {
        let rows = (operation["parameters"]?.array ?? []).map { parameter in
            [
                PageFrame.code(parameter["name"]?.string ?? ""), place(parameter["in"]?.string ?? ""),
                schemas.type(parameter["schema"]), schemas.yes(parameter["required"] == true),
                frame.english(parameter["description"]?.string ?? ""),
            ]
        }
        guard !rows.isEmpty else { return "" }
        let title = LocalizedText(en: "Parameters", zh: "参数")
        return heading(title)
            + frame.table(
                title,
                [
                    .init(en: "Name", zh: "名称"), .init(en: "In", zh: "位置"), .init(en: "Type", zh: "类型"),
                    .init(en: "Required", zh: "必需"), .init(en: "Meaning", zh: "说明"),
                ], rows)
    }

    private func place(_ name: String) -> String {
        switch name {
        case "path": frame.say(en: "path", zh: "路径")
        case "query": frame.say(en: "query", zh: "查询")
        case "header": frame.say(en: "header", zh: "请求头")
        default: PageFrame.escaped(name)
        }
    }

    private var requestBody: String {
        guard let body = operation["requestBody"], let content = body["content"]?.object, let first = content.first
        else { return "" }
        var facts = [content.names.map(PageFrame.code).joined(separator: frame.say(en: " or ", zh: " 或 "))]
        if body["required"] != true { facts.append(frame.say(en: "may be left out", zh: "可省略")) }
        if let most = body["x-maxBytes"]?.int {
            let size = OperationSection.size(most)
            facts.append(frame.say(en: "at most \(size)", zh: "最多 \(size)"))
        }
        var text = heading(.init(en: "Body", zh: "请求体"))
        text += "<p>\(facts.joined(separator: frame.say(en: ", ", zh: "，")))</p>"
        // Every media type of ours carries the same.
        text += shape(first.value["schema"])
        return text + example(first.value["example"])
    }

    /// 8192 as `8 KiB`.
    static func size(_ bytes: Int64) -> String {
        if bytes > 0, bytes.isMultiple(of: 1 << 20) { return "\(bytes >> 20) MiB" }
        if bytes > 0, bytes.isMultiple(of: 1 << 10) { return "\(bytes >> 10) KiB" }
        return "\(bytes) B"
    }

    private func shape(_ schema: JSON?) -> String {
        guard let schema else { return "" }
        // A list says what its elements are.
        let element = schema["items"].map(schemas.meaning) ?? ""
        let meaning = [schemas.meaning(schema), element].filter { !$0.isEmpty }.joined(separator: " · ")
        return "<p>\(schemas.type(schema))\(meaning.isEmpty ? "" : " · \(meaning)")</p>" + schemas.members(schema)
    }

    private func example(_ value: JSON?) -> String {
        guard let value else { return "" }
        return heading(.init(en: "Example", zh: "示例"))
            + "<pre tabindex=\"0\">\(PageFrame.marked(String(decoding: value.serializePretty(), as: UTF8.self)))</pre>"
    }

    // MARK: - Answering

    private var answers: String {
        var rows: [[String]] = []
        var inline = ""
        for (status, response) in operation["responses"]?.object ?? [:] where response["x-codes"] == nil {
            let content = response["content"]?.object ?? [:]
            let kinds = content.map { type, media in
                [PageFrame.code(type), schemas.type(media["schema"])].filter { !$0.isEmpty }.joined(separator: " ")
            }
            let headers = (response["headers"]?.object ?? [:]).map { name, header in
                "\(PageFrame.code(name)) \(frame.english(header["description"]?.string ?? ""))"
            }
            rows.append([
                PageFrame.escaped(status), frame.english(response["description"]?.string ?? ""),
                kinds.joined(separator: "<br>"), headers.joined(separator: "<br>"),
            ])
            for media in content.values {
                let members = media["schema"].map(schemas.members) ?? ""
                if !members.isEmpty { inline += "<p>\(PageFrame.escaped(status)):</p>\(members)" }
                inline += example(media["example"])
            }
        }
        let title = LocalizedText(en: "Answers", zh: "响应")
        return heading(title)
            + frame.table(
                title,
                [
                    .init(en: "Status", zh: "状态码"), .init(en: "Meaning", zh: "说明"), .init(en: "Content", zh: "内容"),
                    .init(en: "Headers", zh: "响应头"),
                ], rows) + inline
    }

    /// Under each status the codes that may be meant, each a way to its explanation.
    private var errors: String {
        let lines = (operation["responses"]?.object ?? [:]).compactMap { status, response -> String? in
            guard let codes = response["x-codes"]?.array?.compactMap(\.string) else { return nil }
            let links = codes.map { "<a href=\"\(frame.address("/docs/errors", $0))\">\(PageFrame.code($0))</a>" }
            return "\(PageFrame.escaped(status)) \(links.joined(separator: ", "))"
        }
        guard !lines.isEmpty else { return "" }
        return heading(.init(en: "Errors", zh: "错误")) + "<p>\(lines.joined(separator: "<br>"))</p>"
    }

    private func heading(_ text: LocalizedText) -> String { "<h4>\(frame.say(text))</h4>" }
}
