import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Resources
import Security
import Tenancy
import Values

/// `/v1/tenants`: for operators alone.
struct TenantAPI: Sendable {
    let lifecycle: TenantLifecycle
    let keys: APIKeys
    /// Names of further PostgreSQL servers.
    let servers: Set<String>

    static let fields = ObjectSchema(
        "Tenant",
        [
            FieldDefinition(
                "slug", .string(max: 40), zh: "短名", en: "Slug", .required,
                help: "What people type to log in: 2 to 40 of a-z, 0-9 and hyphens."),
            FieldDefinition("name", .string, zh: "名称", en: "Name", .required),
            FieldDefinition(
                "timeZone", .string(max: 60), zh: "时区", en: "Time zone", help: "IANA: Asia/Shanghai (default)."),
            FieldDefinition(
                "currency", .string(max: 3), zh: "币种", en: "Currency", .createOnly,
                help: "ISO 4217: CNY (default). Every amount is in it, so it stays."),
            FieldDefinition("industry", .string(max: 60), zh: "行业", en: "Industry"),
            FieldDefinition(
                "server", .string(max: 31), zh: "数据库服务器", en: "Server", .createOnly,
                help: "One of the installation's further PostgreSQL servers; the first one when missing."),
        ])

    static let schema = Schema(
        "Tenant",
        [
            "type": "object",
            "required": [
                "id", "slug", "name", "status", "timeZone", "currency", "industry", "version", "createdAt", "updatedAt",
            ],
            "properties": [
                "id": ["type": "string"], "slug": ["type": "string"], "name": ["type": "string"],
                "status": [
                    "type": "string", "enum": ["provisioning", "restoring", "active", "suspended", "deleting"],
                ],
                "timeZone": ["type": "string"], "currency": ["type": "string"], "industry": ["type": "string"],
                "server": ["type": ["string", "null"]],
                "version": ["type": "integer"], "createdAt": ["type": "string", "format": "date-time"],
                "updatedAt": ["type": "string", "format": "date-time"],
            ],
        ])

    private static let key = Parameter.path("id", "The id or the slug.", schema: ["type": "string"])
    private static let shown = ResponseSpec(200, "The tenant.", schema: schema, headers: ["ETag": "The version."])

    var endpoints: [Endpoint] {
        [
            create, list, get, update, suspend, resume, delete,
            APIKeyAPI.create(
                "/v1/tenants/{id}/api-keys", id: "createTenantApiKey", permission: .manageTenants, keys: keys,
                parameters: [Self.key]
            ) { try await lifecycle.store.find($0.path.string("id")).id },
        ]
    }

    private func endpoint(
        _ method: HTTPMethod, _ path: String, _ id: String, _ summary: String, parameters: [Parameter] = [],
        body: RequestBody? = nil, responses: [ResponseSpec] = [shown], errors: [ProblemType] = [],
        _ handle: @escaping Endpoint.Handle
    ) -> Endpoint {
        Endpoint(
            method, "/v1/tenants\(path)", id: id, summary: summary, tags: ["tenants"], permission: .manageTenants,
            parameters: parameters, body: body, responses: responses, errors: errors
        ) { call in
            do { return try await handle(call) } catch let refused as ServiceRefused { throw refused.problem }
        }
    }

    private var create: Endpoint {
        endpoint(
            .post, "", "createTenant", "Make a tenant in every service",
            body: .json(Schema("TenantCreate", Self.fields.jsonSchema(.create))),
            responses: [ResponseSpec(201, "Made.", schema: Self.schema)], errors: [.validationFailed, .duplicate]
        ) { call in
            let given = try Self.fields.validate(create: try await call.json())
            var description = TenantDescription(slug: given.value("slug") ?? "", name: given.value("name") ?? "")
            try Self.apply(given, to: &description)
            let server: String = given.value("server") ?? ""
            guard server.isEmpty || servers.contains(server) else {
                let known = servers.isEmpty ? "none" : servers.sorted().joined(separator: ", ")
                throw Self.refusal(
                    "/server", "There is no such server; known are: \(known).", zh: "没有该服务器，可用的有：\(known)。")
            }
            let record = try await lifecycle.create(description, on: server, by: try call.caller)
            return .created(record.json, at: "/v1/tenants/\(record.id)", version: record.version)
        }
    }

    private var list: Endpoint {
        endpoint(
            .get, "", "listTenants", "List tenants by slug",
            parameters: [
                .query("limit", "Tenants per page.", 1...500, default: 100),
                .query("cursor", "nextCursor of the page before."),
            ], responses: [ResponseSpec(200, "A page.", schema: Self.schema.page("TenantPage"))]
        ) { call in
            let limit = try call.query.int("limit", 1...500, default: 100)
            let after = try call.query.string("cursor").map { try PageCursor.read($0) }
            let records = try await lifecycle.store.list(after: after, limit: limit + 1)
            return .json(
                PageCursor.page(records, limit: limit, json: \.json, key: \.description.slug))
        }
    }

    private var get: Endpoint {
        endpoint(.get, "/{id}", "getTenant", "Read a tenant", parameters: [Self.key], errors: [.notFound]) { call in
            Self.answer(try await lifecycle.store.find(call.path.string("id")))
        }
    }

    private var update: Endpoint {
        endpoint(
            .patch, "/{id}", "updateTenant", "Change a tenant", parameters: [Self.key, .ifMatch],
            body: .mergePatch(Schema("TenantPatch", Self.fields.jsonSchema(.patch))),
            errors: [.notFound, .validationFailed, .duplicate, .versionMismatch]
        ) { call in
            let given = try Self.fields.validate(patch: try await call.json())
            return Self.answer(
                try await lifecycle.change(
                    call.path.string("id"), by: try call.caller, ifMatch: try call.ifMatch(), TenantEvents.updated
                ) { record in try Self.apply(given, to: &record.description) })
        }
    }

    private var suspend: Endpoint {
        act("suspend", "suspendTenant", "Refuse a tenant's requests from now on", .suspended, TenantEvents.suspended)
    }

    private var resume: Endpoint {
        act("resume", "resumeTenant", "Let a suspended tenant work again", .active, TenantEvents.resumed)
    }

    private func act(
        _ verb: String, _ id: String, _ summary: String, _ state: TenantRecord.State,
        _ event: EventKind<TenantSnapshot, NoDetails>
    ) -> Endpoint {
        endpoint(.post, "/{id}/\(verb)", id, summary, parameters: [Self.key], errors: [.notFound]) { call in
            Self.answer(
                try await lifecycle.change(call.path.string("id"), by: try call.caller, event) { $0.state = state })
        }
    }

    private var delete: Endpoint {
        endpoint(
            .delete, "/{id}", "deleteTenant", "Delete a tenant with everything it has, for ever",
            parameters: [Self.key],
            responses: [
                ResponseSpec(204, "Deleted."),
                ResponseSpec(202, "No longer there; a service that is away keeps data until it is back."),
            ], errors: [.notFound]
        ) { call in
            let isGone = try await lifecycle.delete(call.path.string("id"), by: try call.caller)
            return isGone ? .noContent : .json(["status": "deleting"], status: .accepted)
        }
    }

    private static func answer(_ record: TenantRecord) -> HTTPResponse {
        var response = HTTPResponse.json(record.json)
        response.version = record.version
        return response
    }

    // MARK: - Values

    private static func apply(_ given: FieldChanges, to description: inout TenantDescription) throws {
        if let slug: String = given.value("slug") {
            guard TenantDescription.isSlug(slug) else {
                throw refusal(
                    "/slug", "Write 2 to 40 of a-z, 0-9 and hyphens within.", zh: "须为 2 到 40 个小写字母、数字或中间的连字符。")
            }
            description.slug = slug
        }
        if let name: String = given.value("name") { description.name = name }
        if let zone: String = given.value("timeZone") {
            // Abbreviations mean one thing here and another in the database: GMT+8 lies in the east, and in the west.
            guard zone == "UTC" || zone.contains("/"), TimeZone(identifier: zone) != nil else {
                throw refusal(
                    "/timeZone", "Write an IANA name like Asia/Shanghai.", zh: "须为 IANA 时区名，例如 Asia/Shanghai。")
            }
            description.timeZone = zone
        }
        if let code: String = given.value("currency") {
            guard let currency = try? Currency(code: code) else {
                throw refusal("/currency", "Write an ISO 4217 code like CNY.", zh: "须为 ISO 4217 币种代码，例如 CNY。")
            }
            description.currency = currency.code
        }
        if let industry: String = given.value("industry") { description.industry = industry }
    }

    private static func refusal(_ path: String, _ english: String, zh chinese: String) -> Problem {
        .validation([FieldError(path, code: "format", .init(en: english, zh: chinese))])
    }
}

/// Pages of short lists that are read by one key. The cursor is that key; what it may show is checked anew.
enum PageCursor {
    static func read(_ text: String) throws(Problem) -> String {
        guard let bytes = Base64URL.decode(text), let key = String(validating: bytes, as: UTF8.self) else {
            throw .parameter(
                "cursor", code: "invalidCursor",
                .init(en: "Send nextCursor of the page before.", zh: "请使用上一页返回的 nextCursor。"))
        }
        return key
    }

    /// - Parameter records: one more than `limit` where there is a next page.
    static func page<Record>(
        _ records: [Record], limit: Int, json: (Record) -> JSON, key: (Record) -> String
    ) -> JSON {
        let shown = records.prefix(limit)
        let next = records.count > limit ? shown.last.map { Base64URL.encode(Array(key($0).utf8)) } : nil
        return ["items": .array(shown.map(json)), "nextCursor": next.json]
    }
}
