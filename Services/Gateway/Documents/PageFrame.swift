import HTTP

/// What all pages have in common, in one language: plain HTML of our own, nothing loaded from elsewhere.
struct PageFrame: Sendable {
    let language: Language

    /// A whole page.
    ///
    /// - Parameters:
    ///   - title: text.
    ///   - body: HTML, with the only `h1`.
    func page(title: String, _ body: String) -> String {
        let other: Language = language == .english ? .chinese : .english
        return """
            <!doctype html><html lang="\(language.htmlTag)"><head><meta charset="utf-8">
            <title>\(PageFrame.escaped(title))</title>
            <meta name="viewport" content="width=device-width, initial-scale=1"><style>\(PageFrame.style)</style></head>
            <body><header><a href="?lang=\(other.rawValue)" rel="alternate" lang="\(other.htmlTag)" \
            hreflang="\(other.htmlTag)">\(other.ownName)</a></header><main>\(body)</main></body></html>
            """
    }

    /// The address of another page of ours in this language.
    func address(_ path: String, _ fragment: String? = nil) -> String {
        PageFrame.escaped("\(path)?lang=\(language.rawValue)" + (fragment.map { "#\($0)" } ?? ""))
    }

    // MARK: - Text

    /// A text in the page's language.
    func say(_ text: LocalizedText) -> String { PageFrame.escaped(text(language)) }

    /// A text in the page's language.
    func say(en english: String, zh chinese: String) -> String { say(LocalizedText(en: english, zh: chinese)) }

    /// A text in a language that may be another than the page's.
    func text(_ text: String, in language: Language) -> String {
        let text = PageFrame.escaped(text)
        return language == self.language || text.isEmpty ? text : "<span lang=\"\(language.htmlTag)\">\(text)</span>"
    }

    /// A text of which there is English alone.
    func english(_ text: String) -> String { self.text(text, in: .english) }

    /// A text that belongs to no language, with the Chinese in it marked as such.
    static func marked(_ text: String) -> String {
        escaped(text).replacing(/\p{Han}+/) { "<span lang=\"\(Language.chinese.htmlTag)\">\($0.output)</span>" }
    }

    static func code(_ text: String) -> String { "<code>\(escaped(text))</code>" }

    static func escaped(_ text: String) -> String {
        // Few texts have any of these: looking is cheaper than replacing.
        guard text.utf8.contains(where: { "&<>\"".utf8.contains($0) }) else { return text }
        return text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    // MARK: - Tables

    /// A table that scrolls by itself where the page is narrow; nothing without rows.
    ///
    /// - Parameter rows: HTML of each cell.
    func table(_ label: LocalizedText, _ columns: [LocalizedText], _ rows: [[String]]) -> String {
        guard !rows.isEmpty else { return "" }
        let head = columns.map { "<th scope=\"col\">\(say($0))</th>" }.joined()
        let body = rows.map { "<tr>\($0.map { "<td>\($0)</td>" }.joined())</tr>" }.joined()
        return "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"\(say(label))\"><table>"
            + "<thead><tr>\(head)</tr></thead><tbody>\(body)</tbody></table></div>"
    }

    // Every colour of text has a contrast of at least 4.5 to what is behind it, by day and by night.
    private static let style = """
        :root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--panel:#f5f6f8;--line:#d8dbe0;--link:#0b5cad;\
        --get:#067647;--post:#0b5cad;--change:#8a5300;--delete:#b42318}
        @media(prefers-color-scheme:dark){:root{--page:#15181c;--text:#e6e8ea;--panel:#22262b;--line:#3a4048;\
        --link:#7bf;--get:#4cc38a;--post:#7bf;--change:#f1a10d;--delete:#ff9592}}
        body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
        background:var(--page);color:var(--text);overflow-wrap:break-word}
        header{text-align:right}a{color:var(--link)}code,pre{font:14px ui-monospace,monospace}\
        code{overflow-wrap:anywhere}
        pre{background:var(--panel);padding:1rem;overflow:auto}.notice{border-left:4px solid var(--change);\
        padding-left:1rem}
        details{border-bottom:1px solid var(--line);padding:.4rem 0}summary{cursor:pointer}
        h3,h4{font-size:1rem;margin:1rem 0 .4rem}summary h3{display:inline;font-weight:normal}
        .scroll{overflow-x:auto}table{border-collapse:collapse}
        th,td{border-top:1px solid var(--line);padding:.2rem .6rem;text-align:left;vertical-align:top}
        th{white-space:nowrap}td code{overflow-wrap:normal}b{display:inline-block;min-width:4.5rem}
        .get{color:var(--get)}.post{color:var(--post)}.put,.patch{color:var(--change)}.delete{color:var(--delete)}
        """
}

extension Language {
    /// As HTML and HTTP name it.
    var htmlTag: String {
        switch self {
        case .english: "en"
        case .chinese: "zh-Hans"
        }
    }

    fileprivate var ownName: String {
        switch self {
        case .english: "English"
        case .chinese: "中文"
        }
    }
}
