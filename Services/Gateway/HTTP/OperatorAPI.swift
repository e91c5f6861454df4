import Contracts
import Foundation
import HTTP
import JSON
import Runtime
import ServiceKit

/// What platform operators ask of the running services.
struct OperatorAPI: Sendable {
    let client: HTTPClient
    let internalURLs: [String: String]
    let keys: SigningKeys

    var endpoints: [Endpoint] {
        [
            get(
                "/v1/platform/status", id: "getPlatformStatus", summary: "Outbox and consumers of each service",
                "/internal/status"),
            get(
                "/v1/platform/dead-letters", id: "listDeadLetters", summary: "Events that could not be applied",
                "/internal/dead-letters", parameters: [.query("tenant", "Only of this tenant.")]),
            Endpoint(
                .post, "/v1/platform/dead-letters/redrive", id: "redriveDeadLetters",
                summary: "Apply parked events again", tags: ["platform"], permission: .operateServices,
                body: .json(Self.redrive, required: false),
                responses: [ResponseSpec(200, "By service.", schema: Schema("PlatformAnswer", ["type": "object"]))]
            ) { call in
                var body = try await call.json().object ?? [:]
                let service = body["service"]?.string
                body["service"] = nil
                return try await ask(
                    .post, "/internal/dead-letters/redrive", body: .object(body), of: service.map { [$0] },
                    patience: .seconds(60))
            },
            Endpoint(
                .post, "/v1/platform/analytics/rebuild", id: "rebuildAnalytics",
                summary: "Rebuild every figure from the event history", tags: ["platform"],
                permission: .operateServices,
                responses: [
                    ResponseSpec(200, "Hashes before and after.", schema: Schema("PlatformAnswer", ["type": "object"]))
                ],
                timeout: .seconds(600)
            ) { _ in
                try await ask(
                    .post, "/internal/rebuild", body: .object([:]), of: ["analytics"], patience: .seconds(590))
            },
        ]
    }

    /// What to apply again: all, or one letter of a service, or those of a tenant or a consumer group.
    private static let redrive = Schema(
        "Redrive",
        [
            "type": "object",
            "properties": [
                "service": ["type": ["string", "null"]], "id": ["type": ["integer", "null"]],
                "tenant": ["type": ["string", "null"]], "group": ["type": ["string", "null"]],
            ], "additionalProperties": false,
        ])

    private func get(
        _ path: String, id: String, summary: String, _ internalPath: String, parameters: [Parameter] = []
    ) -> Endpoint {
        Endpoint(
            .get, path, id: id, summary: summary, tags: ["platform"], permission: .operateServices,
            parameters: parameters,
            responses: [ResponseSpec(200, "By service.", schema: Schema("PlatformAnswer", ["type": "object"]))]
        ) { call in
            try await ask(.get, internalPath + (call.request.query.map { "?\($0)" } ?? ""))
        }
    }

    /// The answers of the services; one that does not answer says why.
    private func ask(
        _ method: HTTPMethod, _ path: String, body: JSON? = nil, of services: [String]? = nil,
        patience: Duration = .seconds(10)
    ) async throws -> HTTPResponse {
        let principal = Principal(
            tenant: nil, subject: AccessToken.issuer, kind: .service, role: "service",
            permissions: ["platform.operate"], visibility: .all)
        var answers: JSONObject = [:]
        for service in (services ?? Array(internalURLs.keys)).sorted() {
            guard let url = internalURLs[service] else { continue }
            let siblings = ServiceClient(baseURL: url, client: client, minter: try keys.minter)
            do {
                answers[service] =
                    try await siblings.send(method, path, as: principal, body: body, deadline: .after(patience)).json
            } catch let error where !(error is CancellationError) {
                answers[service] = ["error": "\(error)".json]
            }
        }
        return .json(.object(answers))
    }
}
