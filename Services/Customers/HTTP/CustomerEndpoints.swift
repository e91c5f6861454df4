import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The endpoints of this service beside the usual ones of its resources.
struct CustomerEndpoints: Sendable {
    let environment: ResourceEnvironment
    let accounts: Resource<Account>
    let contacts: Resource<Contact>
    let orders: Orders

    var all: [Endpoint] {
        accounts.endpoints() + contacts.endpoints() + orders.resource.endpoints() + [
            close(as: .returned, verb: "return", id: "returnOrder", summary: "Take an order back"),
            close(as: .cancelled, verb: "cancel", id: "cancelOrder", summary: "Call an order off"),
            getPolicy, putPolicy,
        ]
    }

    // MARK: - Orders

    private func close(as status: Order.Status, verb: String, id: String, summary: String) -> Endpoint {
        let resource = orders.resource
        return Endpoint(
            .post, "/v1/orders/{id}/\(verb)", id: id, summary: summary, tags: ["orders"], permission: "orders.write",
            parameters: [resource.idParameter, .ifMatch, .idempotencyKey], responses: [resource.shown()],
            errors: [.notFound, .versionMismatch]
        ) { call in
            let context = try call.writeContext()
            return try await resource.change(call.path.string("id"), context) { old in
                try await orders.close(old, as: status, context)
            }
        }
    }

    // MARK: - Lifecycle policy

    private static let policySchema = ObjectSchema(
        "LifecyclePolicyPut",
        [
            FieldDefinition("stableFromOrder", .integer(2...10_000), zh: "稳定所需订单数", en: "Stable from order", .required),
            FieldDefinition("atRiskAfterDays", .integer(1...36_500), zh: "预警天数", en: "At risk after days", .required),
            FieldDefinition("lostAfterDays", .integer(2...36_500), zh: "流失天数", en: "Lost after days", .required),
            FieldDefinition("highValueFrom", .money, zh: "高价值金额", en: "High value from"),
        ])

    private static let policyAnswer = Schema(
        "LifecyclePolicy",
        [
            "type": "object",
            "required": ["stableFromOrder", "atRiskAfterDays", "lostAfterDays", "highValueFrom", "version"],
            "properties": [
                "stableFromOrder": ["type": "integer"], "atRiskAfterDays": ["type": "integer"],
                "lostAfterDays": ["type": "integer"], "highValueFrom": ["type": ["object", "null"]],
                "version": ["type": "integer"],
            ],
        ])

    private var getPolicy: Endpoint {
        Endpoint(
            .get, "/v1/lifecycle-policy", id: "getLifecyclePolicy", summary: "Read the thresholds of the lifecycle",
            tags: ["accounts"], permission: "accounts.read",
            responses: [ResponseSpec(200, "The thresholds.", schema: Self.policyAnswer)]
        ) { call in
            let tenant = try await environment.database.directory.active(try call.tenant)
            let rows = try await environment.database.query(tenant.id, LifecyclePolicy.select(tenant.schema))
            return .json(try LifecyclePolicy.read(rows).json(try Currency(code: tenant.currency)))
        }
    }

    private var putPolicy: Endpoint {
        Endpoint(
            .put, "/v1/lifecycle-policy", id: "putLifecyclePolicy", summary: "Set the thresholds of the lifecycle",
            description: "Accounts follow as orders come in and days pass.", tags: ["accounts"],
            permission: "policies.write",
            body: .json(Schema("LifecyclePolicyPut", Self.policySchema.jsonSchema(.create))),
            responses: [ResponseSpec(200, "The thresholds.", schema: Self.policyAnswer)],
            errors: [.validationFailed, .ruleViolated]
        ) { call in
            let tenant = try await environment.database.directory.active(try call.tenant)
            let given = try Self.policySchema.validate(create: try await call.json())
            let thresholds = LifecycleThresholds(
                stableFromOrder: given.value("stableFromOrder") ?? 9,
                atRiskAfterDays: given.value("atRiskAfterDays") ?? 90,
                lostAfterDays: given.value("lostAfterDays") ?? 180,
                highValueFrom: given.value("highValueFrom", as: Money.self)?.minorUnits)
            try thresholds.validate()
            let stored = try await environment.writer.transaction(tenant.id) { tx in
                let old = try LifecyclePolicy.read(
                    try await tx.query("\(LifecyclePolicy.select(tx.schema)) for update"))
                let policy = LifecyclePolicy(thresholds: thresholds, version: old.version + 1)
                try await tx.execute(policy.store(in: tx.schema))
                // Every account is looked at again: the thresholds may mean another state.
                try await tx.execute(
                    "update \(tx.schema).accounts set next_check = \(Timestamp.now().date(in: tenant.zone)) where order_count > 0"
                )
                return policy
            }
            return .json(stored.json(try Currency(code: tenant.currency)))
        }
    }
}
