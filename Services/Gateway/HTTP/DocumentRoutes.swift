import Contracts
import Foundation
import HTTP
import JSON
import Runtime
import Security
import ServiceKit
import Synchronization

/// The API's description: one document of all services, a page to read, the keys that verify tokens.
final class DocumentRoutes: Sendable {
    private let client: HTTPClient
    private let internalURLs: [String: String]
    private let keys: SigningKeys
    private let own: JSON
    private let merged = Mutex<(bytes: [UInt8], until: ContinuousClock.Instant)?>(nil)

    static let info = OpenAPI.Info(
        title: "Guanxi", version: "1.0.0",
        description: "The CRM of many business units: leads, opportunities, customers and their figures.")

    init(client: HTTPClient, internalURLs: [String: String], keys: SigningKeys, own: [Endpoint]) throws(RouteConflict) {
        (self.client, self.internalURLs, self.keys) = (client, internalURLs, keys)
        self.own = try OpenAPI.document(info: Self.info, endpoints: own)
    }

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .get, "/openapi.json", id: "getOpenAPI", summary: "This document", tags: ["documents"],
                permission: .everyone, responses: [ResponseSpec(200, "OpenAPI 3.1.")]
            ) { _ in .json(bytes: try await self.document()) },
            Endpoint(
                .get, "/docs", id: "getDocs", summary: "The API as a page", tags: ["documents"], permission: .everyone,
                responses: [ResponseSpec(200, "A page.", mediaType: "text/html")]
            ) { _ in
                let document = try JSON.parse(try await self.document())
                return Self.page(DocumentPage.html(document))
            },
            Endpoint(
                .get, "/docs/errors", id: "getErrorDocs", summary: "What each error means", tags: ["documents"],
                permission: .everyone, responses: [ResponseSpec(200, "A page.", mediaType: "text/markdown")]
            ) { _ in
                HTTPResponse(
                    .ok, headers: ["Content-Type": "text/markdown; charset=utf-8"],
                    body: .text(ProblemReference.markdown()))
            },
            Endpoint(
                .get, "/.well-known/jwks.json", id: "getKeys", summary: "The keys that verify access tokens",
                tags: ["documents"], permission: .everyone, responses: [ResponseSpec(200, "A JWK set.")]
            ) { _ in .json(self.keys.keySet.jwks, headers: ["Cache-Control": "max-age=60"]) },
        ]
    }

    static func page(_ html: String) -> HTTPResponse {
        HTTPResponse(
            .ok,
            headers: [
                "Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            ], body: .text(html))
    }

    /// The merged document, asked for anew after half a minute.
    private func document() async throws -> [UInt8] {
        if let (bytes, until) = merged.withLock({ $0 }), until > .now { return bytes }
        var documents = [own]
        for service in internalURLs.keys.sorted() {
            guard let url = internalURLs[service] else { continue }
            let answer = try await client.send(
                ClientRequest(.get, url + "/internal/openapi.json", deadline: .after(.seconds(5))))
            guard answer.status.isSuccess else { throw Problem(.unavailable, retryAfter: .seconds(2)) }
            documents.append(try JSON.parse(try await answer.bytes(upTo: 8 << 20)))
        }
        let roles: (Permission) -> [String] = { permission in
            Role.allCases.filter { PermissionMatrix.allows($0, permission.name) }.map(\.rawValue)
        }
        let bytes = try OpenAPI.merge(documents, info: Self.info, roles: roles).serialize()
        merged.withLock { $0 = (bytes, .now + .seconds(30)) }
        return bytes
    }
}

/// The API's page: every operation with what it needs and answers, made from the document.
enum DocumentPage {
    static func html(_ document: JSON) -> String {
        var body = ""
        for (path, item) in document["paths"]?.object ?? [:] {
            for (method, operation) in item.object ?? [:] { body += section(path, method, operation) }
        }
        return """
            <!doctype html><html lang="en"><meta charset="utf-8"><title>Guanxi API</title>
            <meta name="viewport" content="width=device-width,initial-scale=1">
            <style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
            section{border-top:1px solid #ddd;padding:.6rem 0}code{background:#f4f4f4;padding:.1rem .3rem}
            b.m{display:inline-block;min-width:4.5rem;color:#06c}small{color:#666}</style>
            <h1>Guanxi API</h1><p>\(escaped(document["info"]?["description"]?.string ?? "")) The machine-readable form is
            <a href="/openapi.json">/openapi.json</a>; <a href="/docs/errors">errors</a> are explained apart.</p>
            \(body)</html>
            """
    }

    private static func section(_ path: String, _ method: String, _ operation: JSON) -> String {
        let id = operation["operationId"]?.string ?? ""
        let roles = (operation["x-roles"]?.array ?? []).compactMap(\.string).joined(separator: ", ")
        let parameters = (operation["parameters"]?.array ?? []).compactMap { $0["name"]?.string }
            .map { "<code>\(escaped($0))</code>" }.joined(separator: " ")
        let answers = (operation["responses"]?.object ?? [:]).map { name, value in
            "\(escaped(name)) \(escaped(value["description"]?.string ?? ""))"
        }.joined(separator: " · ")
        return """
            <section id="\(escaped(id))"><b class="m">\(method.uppercased())</b> <code>\(escaped(path))</code>
            — \(escaped(operation["summary"]?.string ?? ""))<br>\(escaped(operation["description"]?.string ?? ""))
            <small>\(parameters)<br>\(answers)\(roles.isEmpty ? "" : "<br>roles: \(escaped(roles))")</small></section>

            """
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }
}
