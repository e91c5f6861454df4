import HTTP
import JSON

/// The API reference as a page to read.
enum ReferencePage {
    /// - Parameter gaps: what the document lacks, said at its head.
    static func html(_ document: JSON, lacking gaps: APIDocument.Gaps = .init(), in language: Language) -> String {
        let frame = PageFrame(language: language)
        var groups: [String: [OperationSection]] = [:]
        for (path, item) in document["paths"]?.object ?? [:] {
            for (method, operation) in item.object ?? [:] {
                groups[operation["tags"]?[0]?.string ?? "other", default: []].append(
                    OperationSection(method: method, path: path, operation: operation, frame: frame))
            }
        }
        let tags = groups.sorted { $0.key < $1.key }
        var body = head(document, frame) + notice(gaps, frame)
        body += "<nav aria-label=\"\(frame.say(en: "Groups of operations", zh: "接口分组"))\">"
        body += (tags.map(\.key) + ["schemas"]).map { tag in
            let name = tag == "schemas" ? frame.say(schemaTitle) : frame.english(tag)
            return "<a href=\"#\(PageFrame.escaped(tag))\">\(name)</a>"
        }.joined(separator: " · ")
        body += "</nav>"
        for (tag, operations) in tags {
            body += "<h2 id=\"\(PageFrame.escaped(tag))\">\(frame.english(tag))</h2>"
            body += operations.map(\.html).joined()
        }
        body += "<h2 id=\"schemas\">\(frame.say(schemaTitle))</h2>"
        for (name, schema) in document["components"]?["schemas"]?.object ?? [:] {
            body += component(name, schema, frame)
        }
        return frame.page(title: LocalizedText(en: "Guanxi API", zh: "Guanxi API 参考")(language), body)
    }

    private static let schemaTitle = LocalizedText(en: "Schemas", zh: "数据结构")

    private static func head(_ document: JSON, _ frame: PageFrame) -> String {
        """
        <h1>\(frame.say(en: "Guanxi API", zh: "Guanxi API 参考"))</h1>\
        <p>\(frame.english(document["info"]?["description"]?.string ?? ""))</p>\
        <p>\(frame.say(en: "For programs: ", zh: "供程序读取："))<a href="/openapi.json">openapi.json</a> · \
        <a href="\(frame.address("/docs/errors"))">\(frame.say(en: "Errors", zh: "错误"))</a></p>
        """
    }

    private static func notice(_ gaps: APIDocument.Gaps, _ frame: PageFrame) -> String {
        var text = ""
        if !gaps.missing.isEmpty {
            let names = gaps.missing.map(PageFrame.code).joined(separator: ", ")
            text += "<p class=\"notice\" id=\"missing-services\">"
            text += frame.say(
                en: "These services have not answered yet, and their operations are not here: ",
                zh: "以下服务尚未响应，此处不含其接口：")
            text += names + "</p>"
        }
        if !gaps.leftOut.isEmpty {
            text += "<div class=\"notice\" id=\"left-out\"><p>"
            text += frame.say(
                en: "Left out, because services contradict each other:", zh: "因各服务的定义相互矛盾，以下内容未列出：")
            text += "</p><ul>\(gaps.leftOut.map { "<li>\(frame.english($0))</li>" }.joined())</ul></div>"
        }
        return text
    }

    private static func component(_ name: String, _ schema: JSON, _ frame: PageFrame) -> String {
        let schemas = SchemaText(frame: frame)
        let meaning = schemas.meaning(schema)
        let members = schemas.members(schema)
        return "<details class=\"schema\"><summary><h3>\(PageFrame.code(name))</h3></summary>"
            + "<div id=\"schema-\(PageFrame.escaped(name))\">" + (meaning.isEmpty ? "" : "<p>\(meaning)</p>")
            + (members.isEmpty || schema["items"] != nil ? "<p>\(schemas.type(schema))</p>" : "") + members
            + "</div></details>"
    }
}
