import HTTP
import Security

/// A document as it is sent: its bytes under a tag that says which they are.
struct Publication: Sendable {
    let bytes: [UInt8]
    /// The `ETag`: the same bytes have the same one, in whichever process.
    let tag: String
    private let headers: HTTPHeaders

    /// - Parameter isComplete: a document that lacks something is asked for anew each time.
    init(_ bytes: [UInt8], type: String, isComplete: Bool = true, headers: HTTPHeaders = [:]) {
        self.bytes = bytes
        tag = "\"\(Digest.sha256(bytes).hex.prefix(32))\""
        var headers = headers
        headers["Content-Type"] = type
        headers["Cache-Control"] = isComplete ? "max-age=60" : "no-cache"
        headers["ETag"] = tag
        self.headers = headers
    }

    /// A page to read: it loads nothing and is framed by nobody.
    init(page html: String, in language: Language, isComplete: Bool = true) {
        self.init(
            page: Array(html.utf8), in: language,
            policy: [
                "Content-Security-Policy":
                    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
            ], isComplete: isComplete)
    }

    /// A page of ours.
    ///
    /// - Parameter policy: what it may load.
    init(page html: [UInt8], in language: Language, policy: HTTPHeaders, isComplete: Bool = true) {
        var headers = policy
        headers["Content-Language"] = language.htmlTag
        headers["Vary"] = "Accept-Language"
        self.init(html, type: "text/html; charset=utf-8", isComplete: isComplete, headers: headers)
    }

    /// 200 with the document, 304 to whoever has it already (RFC 9110 §13.1.2).
    func answer(to request: HTTPRequest) -> HTTPResponse {
        let known = request.headers.list("If-None-Match")
        guard !known.contains(where: { $0 == "*" || $0 == tag || $0 == "W/\(tag)" }) else {
            var headers = headers
            headers.remove("Content-Type")
            return HTTPResponse(.notModified, headers: headers)
        }
        return HTTPResponse(.ok, headers: headers, body: .bytes(bytes))
    }
}

/// The same document in each language.
struct Translations: Sendable {
    private let english: Publication
    private let chinese: Publication

    init(_ make: (Language) throws -> Publication) rethrows {
        (english, chinese) = (try make(.english), try make(.chinese))
    }

    subscript(language: Language) -> Publication {
        switch language {
        case .english: english
        case .chinese: chinese
        }
    }
}
