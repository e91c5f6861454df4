import Foundation
import HTTP
import JSON

/// The pages by which people do what needs no program: files of this module, in both languages.
struct Pages: Sendable {
    private static let policy: HTTPHeaders = [
        "Content-Security-Policy": """
        default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'
        """
    ]

    /// What pages consist of, by name.
    private let parts: [String: Publication]
    private let passwordReset: Translations

    /// Reads the files.
    init() throws {
        let folder = Bundle.module.bundleURL.appending(path: "Pages")
        func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: folder.appending(path: name))) }
        parts = [
            "page.css": Publication(try read("page.css"), type: "text/css; charset=utf-8"),
            "password-reset.js": Publication(try read("password-reset.js"), type: "text/javascript; charset=utf-8"),
        ]
        passwordReset = try Translations { language in
            Publication(
                page: try read("password-reset.\(language.rawValue).html"), in: language, policy: Self.policy)
        }
    }

    var endpoints: [Endpoint] {
        let summary = "The page on which a user sets a password"
        return [
            Endpoint(
                .get, "/password-reset", id: "getPasswordPage", summary: summary, permission: .everyone,
                responses: [ResponseSpec(200, summary)]
            ) { call in passwordReset[call.language].answer(to: call.request) },
            Endpoint(
                .get, "/pages/{file}", id: "getPageFile", summary: "What a page consists of", permission: .everyone,
                parameters: [.path("file", "Its name.", schema: ["type": "string"])],
                responses: [ResponseSpec(200, "The file.")], errors: [.notFound]
            ) { call in
                guard let part = parts[call.path.string("file")] else { throw Problem(.notFound) }
                return part.answer(to: call.request)
            },
        ]
    }
}
