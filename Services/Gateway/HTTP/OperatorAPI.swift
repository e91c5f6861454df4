import Contracts
import Foundation
import HTTP
import JSON
import Runtime
import ServiceKit
import Values

/// What platform operators ask of the running services.
struct OperatorAPI: Sendable {
    let store: TenantStore
    let client: HTTPClient
    let internalURLs: [String: String]
    let keys: SigningKeys

    var endpoints: [Endpoint] {
        [
            get(
                "/v1/platform/status", id: "getPlatformStatus", summary: "Outbox and consumers of each service"
            ) { _ in
                try await ask(.get, "/internal/status")
            },
            get(
                "/v1/platform/dead-letters", id: "listDeadLetters",
                summary: "Events that could not be applied, the oldest first",
                parameters: [
                    .query("service", "Only of this service."), .query("tenant", "Only of this tenant: id or slug."),
                    .query("id", "Only this letter."), .query("after", "Only those after this letter."),
                    .query("limit", "The most letters of each service.", 1...500, default: 100),
                ]
            ) { call in
                var query = [
                    "limit=\(try call.query.int("limit", 1...500, default: 100))",
                    "after=\(try call.query.int("after", 0...Int.max, default: 0))",
                ]
                if let tenant = try call.query.string("tenant") {
                    query.append("tenant=\(try await store.find(tenant).id.text)")
                }
                if try call.query.string("id") != nil {
                    query.append("id=\(try call.query.int("id", 1...Int.max, default: 1))")
                }
                let services = try Self.named(try call.query.string("service"))
                return try await ask(.get, "/internal/dead-letters?" + query.joined(separator: "&"), of: services)
            },
            Endpoint(
                .post, "/v1/platform/dead-letters/redrive", id: "redriveDeadLetters",
                summary: "Apply parked events again", tags: ["platform"], permission: .operateServices,
                body: .json(Self.redrive, required: false),
                responses: [ResponseSpec(200, "By service.", schema: Schema("PlatformAnswer", ["type": "object"]))]
            ) { call in
                var body = try await call.json().object ?? [:]
                let services = try Self.named(body["service"]?.string)
                body["service"] = nil
                if let tenant = body["tenant"]?.string {
                    body["tenant"] = .string(try await store.find(tenant).id.text)
                }
                return try await ask(
                    .post, "/internal/dead-letters/redrive", body: .object(body), of: services, patience: .seconds(60))
            },
            Endpoint(
                .post, "/v1/platform/isolation/verify", id: "verifyIsolation",
                summary: "Look for whatever is not where its tenant is",
                description: "Fences, canaries, rows and events of every service; findings are by tenant.",
                tags: ["platform"], permission: .operateServices,
                responses: [ResponseSpec(200, "By service.", schema: Schema("PlatformAnswer", ["type": "object"]))],
                timeout: .seconds(600)
            ) { _ in
                try await ask(.post, "/internal/isolation/verify", body: .object([:]), patience: .seconds(590))
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
        _ path: String, id: String, summary: String, parameters: [Parameter] = [],
        _ handle: @escaping Endpoint.Handle
    ) -> Endpoint {
        Endpoint(
            .get, path, id: id, summary: summary, tags: ["platform"], permission: .operateServices,
            parameters: parameters,
            responses: [ResponseSpec(200, "By service.", schema: Schema("PlatformAnswer", ["type": "object"]))],
            handle: handle)
    }

    /// The one service that is meant, or nil for all.
    private static func named(_ service: String?) throws(Problem) -> [String]? {
        guard let service else { return nil }
        guard ServiceSettings.services.contains(service) else {
            let names = ServiceSettings.services.joined(separator: ", ")
            throw .parameter(
                "service", code: "choice", .init(en: "service is one of \(names).", zh: "service 须为 \(names) 之一。"))
        }
        return [service]
    }

    /// The answers of the services; one that does not answer says why.
    private func ask(
        _ method: HTTPMethod, _ path: String, body: JSON? = nil, of services: [String]? = nil,
        patience: Duration = .seconds(10)
    ) async throws -> HTTPResponse {
        let principal = Principal(
            tenant: nil, subject: AccessToken.issuer, kind: .service, role: "service",
            permissions: ["platform.operate"], visibility: .all)
        let wanted = (services ?? Array(internalURLs.keys)).sorted()
        let minter = try keys.minter
        let answers = try await withThrowingTaskGroup(of: (String, JSON).self) { group in
            for service in wanted {
                guard let url = internalURLs[service] else { continue }
                let siblings = ServiceClient(baseURL: url, client: client, minter: minter)
                group.addTask {
                    do {
                        let answer = try await siblings.send(
                            method, path, as: principal, body: body, deadline: .after(patience))
                        return (service, Self.shown(answer.status, answer.json))
                    } catch let error where !(error is CancellationError) {
                        return (service, ["error": "\(error)".json])
                    }
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        return .json(.object(JSONObject(wanted.compactMap { name in answers[name].map { (name, $0) } })))
    }

    private static func shown(_ status: HTTPStatus, _ answer: JSON) -> JSON {
        guard !status.isSuccess else { return answer }
        return ["error": "it answered \(status.code): \(answer["detail"]?.string ?? "")".json]
    }
}
