import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

extension DuplicatePolicy {
    /// Selects a tenant's policy; see ``read(_:)``.
    public static func select(_ schema: SchemaName) -> SQL { "select policy from \(schema).duplicate_policy" }

    public static func read(_ rows: Rows) throws -> DuplicatePolicy {
        try rows.first.map { DuplicatePolicy(try $0.get(0, as: JSON.self)) } ?? DuplicatePolicy()
    }

    public func store(in schema: SchemaName) -> SQL {
        """
        insert into \(schema).duplicate_policy (policy) values (\(json))
        on conflict (id) do update set policy = excluded.policy
        """
    }
}

/// `GET` and `PUT` of how a tenant wants duplicates in a collection treated.
public struct DuplicatePolicyEndpoints<Kind: MatchKind>: Sendable {
    private typealias Policy = DuplicatePolicy<Kind>

    private let path: String
    private let name: String
    private let collection: String
    private let noun: String
    private let description: String?
    private let environment: ResourceEnvironment

    /// - Parameters:
    ///   - name: of the schema: `DuplicatePolicy`.
    ///   - noun: of what: `duplicates`.
    public init(
        _ path: String, name: String, collection: String, noun: String, description: String? = nil,
        environment: ResourceEnvironment
    ) {
        (self.path, self.name, self.collection) = (path, name, collection)
        (self.noun, self.description, self.environment) = (noun, description, environment)
    }

    public var endpoints: [Endpoint] { [get, put] }

    private var get: Endpoint {
        Endpoint(
            .get, path, id: "get\(name)", summary: "How \(noun) are treated", description: description,
            tags: [collection], permission: Permission("\(collection).read"), responses: [answer]
        ) { call in
            let tenant = try call.tenant
            let rows = try await environment.database.query(tenant, Policy.select(SchemaName(tenant)))
            return .json(try Policy.read(rows).json)
        }
    }

    private var put: Endpoint {
        let body = body
        return Endpoint(
            .put, path, id: "put\(name)", summary: "Say how \(noun) are treated", tags: [collection],
            permission: "policies.write", body: .json(Schema(body.name, body.jsonSchema(.create))),
            responses: [answer], errors: [.validationFailed]
        ) { call in
            let tenant = try call.tenant
            let given = try await call.json()
            _ = try body.validate(create: given)
            let policy = Policy(given)
            try await environment.writer.commit(tenant, [policy.store(in: SchemaName(tenant))])
            return .json(policy.json)
        }
    }

    private static var hasWindow: Bool { Kind.standardWindowDays != nil }

    private var body: ObjectSchema {
        let kinds = Kind.allCases.map { Choice($0.rawValue, zh: $0.reason.zh, en: $0.reason.en) }
        let window = FieldDefinition("windowDays", .integer(1...36_500), zh: "时间窗（天）", en: "Window in days")
        return ObjectSchema(
            "\(name)Put",
            [
                FieldDefinition("policy", .choice(of: DuplicateAction.self), zh: "方式", en: "Policy", .required),
                FieldDefinition(
                    "keys", .list(.choice(kinds), max: 10), zh: "匹配项", en: "Keys",
                    help: Kind.standardKinds == Set(Kind.allCases) ? "All of them when missing." : nil),
            ] + (Self.hasWindow ? [window] : []))
    }

    private var answer: ResponseSpec {
        let members: [String] = ["policy", "keys"] + (Self.hasWindow ? ["windowDays"] : [])
        return ResponseSpec(
            200, "The policy.", schema: Schema(name, ["type": "object", "required": members.json]))
    }
}
