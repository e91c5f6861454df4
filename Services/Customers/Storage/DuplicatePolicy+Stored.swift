import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

extension DuplicatePolicy {
    static func select(_ schema: SchemaName) -> SQL { "select policy from \(schema).duplicate_policy" }

    static func read(_ rows: Rows) throws -> DuplicatePolicy {
        try rows.first.map { DuplicatePolicy(try $0.get(0, as: JSON.self)) } ?? DuplicatePolicy()
    }

    func store(in schema: SchemaName) -> SQL {
        """
        insert into \(schema).duplicate_policy (policy) values (\(json))
        on conflict (id) do update set policy = excluded.policy
        """
    }

    /// What a checked body or the table says; absent members are the usual ones.
    init(_ json: JSON) {
        self.init()
        action = json["policy"]?.string.flatMap(Action.init) ?? .createAndFlag
        if let names = json["keys"]?.array { keys = Set(names.compactMap { $0.string.flatMap(MatchKind.init) }) }
    }

    var json: JSON { ["policy": action.rawValue.json, "keys": keys.map(\.rawValue).sorted().json] }

    // MARK: - Over HTTP

    private static let body = ObjectSchema(
        "AccountDuplicatePolicyPut",
        [
            FieldDefinition(
                "policy", .choice(Action.allCases.map { Choice($0.rawValue, zh: $0.rawValue, en: $0.rawValue) }),
                zh: "方式", en: "Policy", .required),
            FieldDefinition(
                "keys",
                .list(
                    .choice(
                        MatchKind.allCases.map {
                            Choice($0.rawValue, zh: $0.why(language: "zh"), en: $0.why(language: "en"))
                        }), max: 10),
                zh: "匹配项", en: "Keys", help: "All of them when missing."),
        ])

    private static let answer = ResponseSpec(
        200, "The policy.",
        schema: Schema("AccountDuplicatePolicy", ["type": "object", "required": ["policy", "keys"]])
    )

    /// `GET` and `PUT /v1/accounts/duplicate-policy`.
    static func endpoints(_ environment: ResourceEnvironment) -> [Endpoint] {
        let path = "/v1/accounts/duplicate-policy"
        return [
            Endpoint(
                .get, path, id: "getAccountDuplicatePolicy", summary: "How duplicates of accounts are treated",
                description: "Of accounts, and of contacts within one account.", tags: ["accounts"],
                permission: "accounts.read", responses: [answer]
            ) { call in
                let tenant = try call.tenant
                return .json(
                    try read(try await environment.database.query(tenant, select(SchemaName(tenant)))).json)
            },
            Endpoint(
                .put, path, id: "putAccountDuplicatePolicy", summary: "Say how duplicates of accounts are treated",
                tags: ["accounts"], permission: "policies.write",
                body: .json(Schema(body.name, body.jsonSchema(.create))),
                responses: [answer], errors: [.validationFailed]
            ) { call in
                let tenant = try call.tenant
                let given = try await call.json()
                _ = try body.validate(create: given)
                let policy = DuplicatePolicy(given)
                try await environment.writer.commit(tenant, [policy.store(in: SchemaName(tenant))])
                return .json(policy.json)
            },
        ]
    }
}
