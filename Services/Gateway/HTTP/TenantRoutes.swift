import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Resources
import Tenancy
import Values

/// What platform operators do with tenants.
struct TenantRoutes: Sendable {
    let registry: TenantRegistry
    let apiKeys: APIKeys

    static let schema = Schema(
        "Tenant",
        [
            "type": "object",
            "required": ["id", "version", "slug", "name", "timeZone", "currency", "industry", "status"],
            "properties": [
                "id": ["type": "string"], "version": ["type": "integer"], "slug": ["type": "string"],
                "name": ["type": "string"], "timeZone": ["type": "string"], "currency": ["type": "string"],
                "industry": ["type": "string"], "status": ["type": "string"],
                "createdAt": ["type": "string", "format": "date-time"],
                "updatedAt": ["type": "string", "format": "date-time"],
            ],
        ])

    private static let body = ObjectSchema(
        "TenantCreate",
        [
            FieldDefinition("slug", .string(max: 40), zh: "标识", en: "Slug", .required),
            FieldDefinition("name", .string, zh: "名称", en: "Name", .required),
            FieldDefinition("timeZone", .string(max: 60), zh: "时区", en: "Time zone"),
            FieldDefinition("currency", .string(max: 3), zh: "币种", en: "Currency"),
            FieldDefinition("industry", .string(max: 60), zh: "行业", en: "Industry"),
        ])

    static let key: Parameter = .path("id", "The tenant's id or slug.", schema: ["type": "string"])

    var endpoints: [Endpoint] {
        [
            create, list,
            Endpoint(
                .get, "/v1/tenants/{id}", id: "getTenant", summary: "Read a tenant", tags: ["tenants"],
                permission: .manageTenants, parameters: [Self.key],
                responses: [ResponseSpec(200, "The tenant.", schema: Self.schema)], errors: [.notFound]
            ) { call in .json(try await registry.find(call.path.string("id")).json) },
            change("suspend", .suspended), change("resume", .active),
            Endpoint(
                .delete, "/v1/tenants/{id}", id: "deleteTenant", summary: "Remove a tenant with all its data",
                description: "There is no way back.", tags: ["tenants"], permission: .manageTenants,
                parameters: [Self.key], responses: [ResponseSpec(204, "It is gone.")], errors: [.notFound],
                timeout: .seconds(120)
            ) { call in
                try await registry.delete(call.path.string("id"), by: try call.caller)
                return .noContent
            },
            createKey,
        ]
    }

    private var create: Endpoint {
        Endpoint(
            .post, "/v1/tenants", id: "createTenant", summary: "Create a tenant", tags: ["tenants"],
            permission: .manageTenants, body: .json(Schema("TenantCreate", Self.body.jsonSchema(.create))),
            responses: [ResponseSpec(201, "Created.", schema: Self.schema)], errors: [.validationFailed, .duplicate]
        ) { call in
            let given = try Self.body.validate(create: try await call.json())
            let description = try Self.description(given)
            let record = try await registry.create(description, by: try call.caller)
            return .created(record.json, at: "/v1/tenants/\(description.id.text)", version: record.version)
        }
    }

    private static func description(_ given: FieldChanges) throws -> TenantDescription {
        let slug = given.value("slug", as: String.self) ?? ""
        let zone = given.value("timeZone", as: String.self) ?? "Asia/Shanghai"
        let currency = given.value("currency", as: String.self) ?? "CNY"
        var issues: [FieldIssue] = []
        if slug.wholeMatch(of: /[a-z][a-z0-9-]{1,38}[a-z0-9]/) == nil {
            issues.append(
                FieldIssue(
                    "/slug", "format", "Use 3 to 40 small letters, digits and hyphens, beginning with a letter.",
                    zh: "须为 3 至 40 个小写字母、数字或连字符，且以字母开头。"))
        }
        if TimeZone(identifier: zone) == nil {
            issues.append(
                FieldIssue(
                    "/timeZone", "unknown", "Write an IANA name, such as Asia/Shanghai.",
                    zh: "请填写时区名称，例如 Asia/Shanghai。"))
        }
        if Currency(currency) == nil {
            issues.append(
                FieldIssue("/currency", "unknown", "Write an ISO 4217 code, such as CNY.", zh: "请填写币种代码，例如 CNY。"))
        }
        guard issues.isEmpty else { throw ValidationFailure(issues) }
        return TenantDescription(
            slug: slug, name: given.value("name") ?? slug, timeZone: zone, currency: currency,
            industry: given.value("industry") ?? "general")
    }

    private var list: Endpoint {
        Endpoint(
            .get, "/v1/tenants", id: "listTenants", summary: "List the tenants", tags: ["tenants"],
            permission: .manageTenants,
            responses: [ResponseSpec(200, "All of them.", schema: Self.schema.page("TenantPage"))]
        ) { _ in .json(["items": .array(try await registry.list().map(\.json)), "nextCursor": .null]) }
    }

    private func change(_ verb: String, _ status: Tenant.Status) -> Endpoint {
        Endpoint(
            .post, "/v1/tenants/{id}/\(verb)", id: "\(verb)Tenant", summary: "\(verb.capitalized) a tenant",
            tags: ["tenants"], permission: .manageTenants, parameters: [Self.key],
            responses: [ResponseSpec(200, "The tenant.", schema: Self.schema)], errors: [.notFound]
        ) { call in
            .json(try await registry.set(status, of: call.path.string("id"), by: try call.caller).json)
        }
    }

    private var createKey: Endpoint {
        Endpoint(
            .post, "/v1/tenants/{id}/api-keys", id: "createTenantAPIKey", summary: "Create an API key for a tenant",
            description: "The key is answered once and never again.", tags: ["tenants"], permission: .manageTenants,
            parameters: [Self.key], body: .json(APIKeyRoutes.createSchema),
            responses: [ResponseSpec(201, "The key.", schema: APIKeyRoutes.keyOnce)],
            errors: [.notFound, .validationFailed]
        ) { call in
            let tenant = try await registry.find(call.path.string("id")).description.id
            return try await APIKeyRoutes.create(call, tenant: tenant, apiKeys)
        }
    }
}
