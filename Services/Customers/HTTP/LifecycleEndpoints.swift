import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The tenant's thresholds of the lifecycle, and each account's way through it.
struct LifecycleEndpoints: Sendable {
    let accounts: Resource<Account>

    private var environment: ResourceEnvironment { accounts.environment }
    private var store: LifecycleStore { LifecycleStore(environment: environment) }

    var all: [Endpoint] { [getPolicy, putPolicy, history] }

    // MARK: - Thresholds

    private static let policy = Schema(
        "LifecyclePolicy",
        [
            "type": "object",
            "required": [
                "stableFromOrder", "atRiskAfterDays", "lostAfterDays", "highValueFrom", "version", "updatedAt",
            ],
            "properties": [
                "stableFromOrder": ["type": "integer"], "atRiskAfterDays": ["type": "integer"],
                "lostAfterDays": ["type": "integer"], "highValueFrom": ["type": ["object", "null"]],
                "version": ["type": "integer"], "updatedAt": ["type": ["string", "null"]],
            ],
        ])

    private static func json(_ policy: LifecyclePolicy?) -> JSON {
        let shown = policy ?? LifecyclePolicy(id: UUID(high: 0, low: 0), at: Timestamp(microseconds: 0))
        return [
            "stableFromOrder": .int(shown.stableFromOrder), "atRiskAfterDays": .int(shown.atRiskAfterDays),
            "lostAfterDays": .int(shown.lostAfterDays), "highValueFrom": shown.highValueFrom?.json ?? .null,
            "version": .int(policy?.version ?? 0), "updatedAt": policy?.updatedAt.json ?? .null,
        ]
    }

    private static func answer(_ policy: LifecyclePolicy?) -> HTTPResponse {
        var response = HTTPResponse.json(json(policy))
        response.version = policy?.version ?? 0
        return response
    }

    private var getPolicy: Endpoint {
        Endpoint(
            .get, "/v1/lifecycle-policy", id: "getLifecyclePolicy", summary: "Read the thresholds of the lifecycle",
            description: "The usual ones, with version 0, until the tenant sets its own.", tags: ["accounts"],
            permission: "accounts.read", responses: [ResponseSpec(200, "The thresholds.", schema: Self.policy)]
        ) { call in
            Self.answer(try await store.policy(of: try call.tenant))
        }
    }

    private var putPolicy: Endpoint {
        Endpoint(
            .put, "/v1/lifecycle-policy", id: "putLifecyclePolicy", summary: "Set the thresholds of the lifecycle",
            description: "Accounts follow within a minute, and then as orders come in and days pass; reports take them "
                + "as their usual ones.", tags: ["accounts"], permission: "policies.write", parameters: [.ifMatch],
            body: .json(Schema("LifecyclePolicyPut", LifecyclePolicy.catalogue.schema.jsonSchema(.create))),
            responses: [ResponseSpec(200, "The thresholds.", schema: Self.policy)],
            errors: [.validationFailed, .ruleViolated, .versionMismatch]
        ) { call in
            let (body, context) = try await call.write()
            let written = try await store.put(body, context)
            var response = Self.answer(try await store.policy(of: context.tenant))
            response.headers["X-Guanxi-Position"] = written.headers["X-Guanxi-Position"]
            return response
        }
    }

    // MARK: - History

    private static let steps = Schema(
        "LifecycleHistory",
        [
            "type": "object",
            "required": ["accountId", "state", "since", "items", "nextCursor"],
            "properties": [
                "accountId": ["type": "string"], "state": ["type": "string"], "since": ["type": ["string", "null"]],
                "items": [
                    "type": "array",
                    "items": [
                        "type": "object",
                        "required": ["at", "from", "to", "reason", "reasonCode", "orders", "asOf", "accountVersion"],
                        "properties": [
                            "at": ["type": "string"], "from": ["type": "string"], "to": ["type": "string"],
                            "reason": ["type": "string"], "reasonCode": ["type": "string"],
                            "orders": ["type": "integer"], "asOf": ["type": "string"],
                            "accountVersion": ["type": "integer"],
                        ],
                    ],
                ],
                "nextCursor": ["type": ["string", "null"]],
            ],
        ])

    private var history: Endpoint {
        Endpoint(
            .get, "/v1/accounts/{id}/lifecycle", id: "listAccountLifecycle",
            summary: "The account's way through the lifecycle, the newest step first, each with its reason",
            tags: ["accounts"], permission: "accounts.read",
            parameters: [
                accounts.idParameter, .query("limit", "Steps per page.", 1...500, default: 50),
                .query("cursor", "nextCursor of the page before."),
            ], responses: [ResponseSpec(200, "A page of steps.", schema: Self.steps)],
            errors: [.notFound, .invalidParameter]
        ) { call in
            let tenant = try call.tenant
            let account = try await accounts.visible(call.path.string("id"), try call.caller, tenant: tenant)
            let binding = "\(tenant.text)\u{0}lifecycle\u{0}\(account.id.lowercased)"
            let limit = try call.query.int("limit", 1...500, default: 50)
            let before = try call.query.string("cursor").map {
                try environment.cursors.readNumber($0, binding: binding)
            }
            let steps = try await store.steps(of: account.id, before: before, limit: limit + 1, tenant)
            let page = steps.prefix(limit)
            let next = steps.count > limit ? page.last?.version : nil
            return .json([
                "accountId": account.id.json, "state": account.lifecycle.rawValue.json,
                "since": account.lifecycleSince.json,
                "items": .array(page.map { $0.json(language: call.language) }),
                "nextCursor": next.map { environment.cursors.make(number: $0, binding: binding) }.json,
            ])
        }
    }
}
