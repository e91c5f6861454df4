import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// How a tenant wants duplicates treated: `GET` and `PUT /v1/duplicate-policy`.
struct LeadSettings: Sendable {
    let environment: ResourceEnvironment

    private static let policy = ObjectSchema(
        "DuplicatePolicyPut",
        [
            FieldDefinition(
                "policy",
                .choice(DuplicatePolicy.Action.allCases.map { Choice($0.rawValue, zh: $0.rawValue, en: $0.rawValue) }),
                zh: "方式", en: "Policy", .required),
            FieldDefinition(
                "keys",
                .list(
                    .choice(
                        MatchKeyKind.allCases.map {
                            Choice($0.rawValue, zh: $0.why(language: "zh"), en: $0.why(language: "en"))
                        }), max: 10),
                zh: "匹配项", en: "Keys"),
            FieldDefinition("windowDays", .integer(1...36_500), zh: "时间窗（天）", en: "Window in days"),
        ])
    private static let answer = Schema(
        "DuplicatePolicy", ["type": "object", "required": ["policy", "keys", "windowDays"]])

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .get, "/v1/duplicate-policy", id: "getDuplicatePolicy", summary: "How duplicates are treated",
                tags: ["leads"], permission: "leads.read",
                responses: [ResponseSpec(200, "The policy.", schema: Self.answer)]
            ) { call in
                let tenant = try call.tenant
                let rows = try await environment.database.query(
                    tenant, "select policy from \(schema: tenant).duplicate_policy")
                return .json(
                    (try rows.first.map { DuplicatePolicy(try $0.get(0, as: JSON.self)) } ?? DuplicatePolicy()).json)
            },
            Endpoint(
                .put, "/v1/duplicate-policy", id: "putDuplicatePolicy", summary: "Say how duplicates are treated",
                tags: ["leads"], permission: "policies.write",
                body: .json(Schema(Self.policy.name, Self.policy.jsonSchema(.create))),
                responses: [ResponseSpec(200, "The policy.", schema: Self.answer)], errors: [.validationFailed]
            ) { call in
                let tenant = try call.tenant
                let body = try await call.json()
                _ = try Self.policy.validate(create: body)
                let policy = DuplicatePolicy(body)
                _ = try await environment.writer.commit(
                    tenant,
                    [
                        """
                        insert into \(schema: tenant).duplicate_policy (policy) values (\(policy.json))
                        on conflict (id) do update set policy = excluded.policy
                        """
                    ])
                return .json(policy.json)
            },
        ]
    }
}
