import HTTP
import JSON
import Security

/// Published documents: the API, its errors, the keys that verify tokens. Not part of the API itself.
///
/// People come to them by links that others decorate: what a query says besides the language is ignored.
struct DocumentAPI: Sendable {
    let document: APIDocument
    let keys: SigningKeys

    private static let reference = "/docs"
    private static let errors = "/docs/errors"

    var endpoints: [Endpoint] {
        let errors = Translations { Publication(page: ErrorPage.html(ProblemType.published, in: $0), in: $0) }
        return [
            open("/", "getRoot", "The way to the API reference") { call in
                Self.redirect(call, to: Self.reference)
            },
            open("/openapi.json", "getOpenAPI", "The API document") { call in document.json.answer(to: call.request) },
            open(Self.reference, "getDocs", "The API reference") { call in
                document.page(in: Self.language(of: call)).answer(to: call.request)
            },
            open(Self.errors, "getErrorReference", "The error reference") { call in
                errors[Self.language(of: call)].answer(to: call.request)
            },
            open("/.well-known/jwks.json", "getKeys", "The keys that verify the gateway's tokens") { _ in
                .json(keys.keySet.jwks, headers: ["Cache-Control": "max-age=300"])
            },
        ]
    }

    /// A slash too many leads to the page.
    var mounts: [Mount] {
        [
            Mount(Self.reference, id: "redirectToDocs", permission: .everyone) { call in
                var path = Substring(call.request.path)
                while path.last == "/" { path.removeLast() }
                let isRead = call.request.method == .get || call.request.method == .head
                guard isRead, path == Self.reference || path == Self.errors else { throw Problem(.notFound) }
                return Self.redirect(call, to: String(path))
            }
        ]
    }

    /// `lang=zh` or `en`, else as the reader's browser prefers.
    private static func language(of call: Call) -> Language {
        call.query.values("lang").lazy.compactMap { Language(rawValue: $0) }.first ?? call.language
    }

    private static func redirect(_ call: Call, to path: String) -> HTTPResponse {
        HTTPResponse(.found, headers: ["Location": path + (call.request.query.map { "?\($0)" } ?? "")])
    }

    private func open(
        _ path: String, _ id: String, _ summary: String, _ handle: @escaping Endpoint.Handle
    ) -> Endpoint {
        Endpoint(
            .get, path, id: id, summary: summary, permission: .everyone, query: .filters(description: "Ignored."),
            responses: [ResponseSpec(200, summary)], handle: handle)
    }
}
