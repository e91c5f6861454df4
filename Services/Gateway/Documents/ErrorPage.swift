import HTTP

/// Every problem that any operation may answer, as a page to read.
enum ErrorPage {
    static func html(_ types: [ProblemType], in language: Language) -> String {
        let frame = PageFrame(language: language)
        let title = LocalizedText(en: "Errors", zh: "错误")
        var body = "<h1>\(frame.say(title))</h1><p>"
        body += LocalizedText(
            en: "Every error is an <code>application/problem+json</code> object (RFC 9457). Program against "
                + "<code>status</code> and <code>code</code>.",
            zh: "所有错误均以 <code>application/problem+json</code> 对象（RFC 9457）返回。程序请以 <code>status</code> 和 "
                + "<code>code</code> 为准。")(language)
        body += " <a href=\"\(frame.address("/docs"))\">\(frame.say(en: "API reference", zh: "API 参考"))</a></p>"
        for type in types.sorted(by: { ($0.status, $0.code) < ($1.status, $1.code) }) {
            body += "<section id=\"\(type.code)\"><h2>\(PageFrame.code(type.code)) \(type.status)</h2>"
            // The page's language first; a problem is answered in either.
            for shown in [language] + Language.allCases.filter({ $0 != language }) {
                let text = "\(type.title(shown))\(shown == .chinese ? "：" : ": ")\(type.advice(shown))"
                body += "<p>\(frame.text(text, in: shown))</p>"
            }
            body += "</section>"
        }
        return frame.page(title: title(language), body)
    }
}
