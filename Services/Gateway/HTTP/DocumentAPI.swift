import HTTP
import JSON
import Security

/// Published documents: the API, its errors, the keys that verify tokens. Not part of the API itself.
struct DocumentAPI: Sendable {
    let document: APIDocument
    let keys: SigningKeys
    let problems: [ProblemType]

    var endpoints: [Endpoint] {
        let errors = Array(ReferencePage.errors(problems).utf8)
        return [
            open("/openapi.json", "getOpenAPI", "The API document") { _ in
                .json(bytes: document.json, headers: ["Cache-Control": "max-age=60"])
            },
            open("/docs", "getDocs", "The API reference") { _ in ReferencePage.response(document.page) },
            open("/docs/errors", "getErrorReference", "The error reference") { _ in ReferencePage.response(errors) },
            open("/.well-known/jwks.json", "getKeys", "The keys that verify the gateway's tokens") { _ in
                .json(keys.keySet.jwks, headers: ["Cache-Control": "max-age=300"])
            },
        ]
    }

    private func open(
        _ path: String, _ id: String, _ summary: String, _ handle: @escaping Endpoint.Handle
    ) -> Endpoint {
        Endpoint(
            .get, path, id: id, summary: summary, permission: .everyone, responses: [ResponseSpec(200, summary)],
            handle: handle)
    }
}
