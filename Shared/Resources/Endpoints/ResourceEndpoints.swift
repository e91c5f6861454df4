import Entities
import Foundation
import HTTP
import JSON
import Tenancy
import Values

/// Which of the usual acts a resource offers.
public struct ResourceActs: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let create = ResourceActs(rawValue: 1)
    public static let read = ResourceActs(rawValue: 2)
    public static let change = ResourceActs(rawValue: 4)
    public static let delete = ResourceActs(rawValue: 8)
    public static let external = ResourceActs(rawValue: 16)
    public static let bulk = ResourceActs(rawValue: 32)
    public static let all: ResourceActs = [.create, .read, .change, .delete, .external, .bulk]
}

extension Resource {
    /// `Lead`, as operation ids and schemas name it.
    var typeName: String { entity.schema.name }
    private var plural: String {
        collection.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }
    var path: String { "/v1/\(collection)" }
    var tags: [String] { [collection] }
    private var noun: String { entity.en.lowercased() }
    /// With its article: "a lead", "an account", and "a user" by its sound.
    private var one: String {
        ("aeio".contains(noun.prefix(1)) ? "an " : "a ") + noun
    }

    /// The object as answers show it.
    public var schema: Schema { Schema(typeName, entity.schema.jsonSchema(.object)) }

    private var createSchema: Schema {
        var definition = entity.schema.jsonSchema(.create)
        var properties = definition["properties"]?.object ?? [:]
        for (name, value) in inputs.jsonSchema(.create)["properties"]?.object ?? [:] where properties[name] == nil {
            properties[name] = value
        }
        definition["properties"] = .object(properties)
        return Schema("\(typeName)Create", definition)
    }
    private var patchSchema: Schema { Schema("\(typeName)Patch", entity.schema.jsonSchema(.patch)) }

    /// The parameter `{id}` of this resource's paths.
    public var idParameter: Parameter {
        .path("id", hasCode ? "The id or the readable code." : "The id.", schema: ["type": "string"])
    }

    /// The answer that shows the object.
    public func shown(_ status: Int = 200, _ description: String? = nil) -> ResponseSpec {
        ResponseSpec(
            status, description ?? "The \(noun).", schema: schema,
            headers: [
                "ETag": "The version.",
                "X-Guanxi-Position": "Send as waitFor to a report to have this write in it.",
            ])
    }

    /// The usual endpoints.
    public func endpoints(_ acts: ResourceActs = .all) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        if acts.contains(.create) { endpoints.append(createEndpoint) }
        if acts.contains(.read) { endpoints += [listEndpoint, getEndpoint] }
        if acts.contains(.change) { endpoints.append(patchEndpoint) }
        if acts.contains(.delete) { endpoints += [deleteEndpoint, restoreEndpoint] }
        if acts.contains(.external), hasExternalID { endpoints += externalEndpoints }
        if acts.contains(.bulk) { endpoints.append(bulkEndpoint) }
        // Of what the tenant works with, as against how.
        if hasExternalID, entity.schema.hasCustom { endpoints += customFieldEndpoints }
        return endpoints
    }

    private var createEndpoint: Endpoint {
        Endpoint(
            .post, path, id: "create\(typeName)", summary: "Create \(one)", tags: tags,
            permission: Permission("\(collection).write"), parameters: [.idempotencyKey],
            body: .json(createSchema), responses: [shown(201, "Created."), shown(200, "An existing one took it up.")],
            errors: [.validationFailed, .duplicate, .idempotencyKeyReused, .requestInProgress]
        ) { call in
            let (body, context) = try await call.write()
            return try await create(body, context)
        }
    }

    private var listEndpoint: Endpoint {
        Endpoint(
            .get, path, id: "list\(plural)", summary: "List \(collection)", tags: tags,
            permission: Permission("\(collection).read"), parameters: listParameters,
            query: .filters(
                description: "Any field: `field=a,b` is one of; `.gte .gt .lte .lt .ne .contains .startsWith .isNull`."),
            responses: [ResponseSpec(200, "A page.", schema: schema.page("\(typeName)Page"))],
            errors: [.invalidParameter]
        ) { call in
            let (principal, tenant) = (try call.caller, try call.tenant)
            let query = try await listQuery(call, tenant)
            let page = try await list(
                query, parameters: call.query.items.map { ($0.name, $0.value) }, principal, tenant: tenant)
            return try await answer(page, query, tenant: tenant, in: call.language)
        }
    }

    private var getEndpoint: Endpoint {
        Endpoint(
            .get, "\(path)/{id}", id: "get\(typeName)", summary: "Read \(one)", tags: tags,
            permission: Permission("\(collection).read"),
            parameters: [
                idParameter, .query("fields", "Only these members, comma-separated."),
            ] + expandParameter, responses: [shown()], errors: [.notFound]
        ) { call in
            let tenant = try call.tenant
            let record = try await visible(call.path.string("id"), try call.caller, tenant: tenant)
            guard !call.query.items.isEmpty else {
                return answer(record, in: call.language).without("X-Guanxi-Position")
            }
            let query = try await listQuery(call, tenant)
            guard query.fields != nil || !query.expand.isEmpty else {
                return answer(record, in: call.language).without("X-Guanxi-Position")
            }
            var expanded: [(name: String, value: JSON)] = []
            for name in query.expand {
                if let value = try await expansions[name]?(tenant, [record]).first { expanded.append((name, value)) }
            }
            var writer = JSONWriter()
            write(
                shown(record, in: call.language), fields: query.fields, expanded: expanded, into: &writer)
            var response = HTTPResponse.json(bytes: writer.bytes)
            response.version = record.version
            return response
        }
    }

    private var patchEndpoint: Endpoint {
        Endpoint(
            .patch, "\(path)/{id}", id: "update\(typeName)", summary: "Change fields of \(one)",
            description: "A merge patch (RFC 7396): absent members stay, null clears.", tags: tags,
            permission: Permission("\(collection).write"), parameters: [idParameter, .ifMatch],
            body: .mergePatch(patchSchema), responses: [shown()],
            errors: [.notFound, .versionMismatch, .validationFailed, .duplicate, .ruleViolated]
        ) { call in
            let (body, context) = try await call.write()
            return try await patch(call.path.string("id"), body, context)
        }
    }

    private var deleteEndpoint: Endpoint {
        Endpoint(
            .delete, "\(path)/{id}", id: "delete\(typeName)", summary: "Delete \(one)",
            description: "It can be restored for \(Restoring.days) days.", tags: tags,
            permission: Permission("\(collection).delete"), parameters: [idParameter, .ifMatch],
            responses: [ResponseSpec(204, "Deleted.")], errors: [.notFound, .versionMismatch, .conflict]
        ) { call in
            try await delete(call.path.string("id"), try call.writeContext())
        }
    }

    private var restoreEndpoint: Endpoint {
        Endpoint(
            .post, "\(path)/{id}/restore", id: "restore\(typeName)", summary: "Restore a deleted \(noun)", tags: tags,
            permission: Permission("\(collection).delete"), parameters: [idParameter, .ifMatch, .idempotencyKey],
            responses: [shown()], errors: [.notFound, .versionMismatch, .duplicate, .ruleViolated]
        ) { call in
            try await restore(call.path.string("id"), try call.writeContext())
        }
    }

    private var externalEndpoints: [Endpoint] {
        let keys: [Parameter] = [
            .path("system", "The other system's name.", schema: ["type": "string"]),
            .path("externalId", "The identity there.", schema: ["type": "string"]),
        ]
        return [
            Endpoint(
                .put, "\(path)/by-external/{system}/{externalId}", id: "put\(typeName)ByExternalId",
                summary: "Create or change the \(noun) that another system knows by this identity", tags: tags,
                permission: Permission("\(collection).write"), parameters: keys + [.ifMatch], body: .json(createSchema),
                responses: [shown(201, "Created."), shown()], errors: [.validationFailed, .duplicate, .versionMismatch]
            ) { call in
                let (body, context) = try await call.write()
                return try await put(
                    externalSystem: call.path.string("system"), id: call.path.string("externalId"), body,
                    context)
            },
            Endpoint(
                .get, "\(path)/by-external/{system}/{externalId}", id: "get\(typeName)ByExternalId",
                summary: "Read the \(noun) that another system knows by this identity", tags: tags,
                permission: Permission("\(collection).read"), parameters: keys, responses: [shown()],
                errors: [.notFound]
            ) { call in
                let (principal, tenant) = (try call.caller, try call.tenant)
                let (system, id) = (call.path.string("system"), call.path.string("externalId"))
                // What could not be stored is known to nobody.
                guard let key = try? externalKey(system: system, id: id),
                    let found = try await known(by: key, tenant: tenant), found.deletedAt == nil,
                    try await admits(principal, found, tenant: tenant)
                else {
                    throw Problem(.notFound)
                }
                return answer(found, in: call.language).without("X-Guanxi-Position")
            },
        ]
    }

    private var expandParameter: [Parameter] {
        let names = expansions.keys.sorted()
        return names.isEmpty
            ? [] : [.query("expand", "Related objects to show under `expanded`: \(names.joined(separator: ", ")).")]
    }

    var listParameters: [Parameter] {
        let parameters: [Parameter] = [
            .query("q", "Text to look for in names, phones and e-mails."),
            .query(
                "sort",
                "At most three fields, comma-separated; `-` for descending. Chinese is ordered by pinyin, Latin behind it."
            ),
            .query("limit", "Objects per page.", 1...500, default: 50),
            .query("cursor", "nextCursor of the page before."),
            .query("fields", "Only these members, comma-separated."),
            .query("count", "Also count.", schema: ["type": "string", "enum": ["exact", "estimated"]]),
        ]
        return parameters + expandParameter
    }

    /// The list query of a call.
    func listQuery(_ call: Call, _ tenant: TenantID, other: Set<String> = []) async throws -> ListQuery {
        let known = try await database.directory.active(tenant)
        let context = try known.textContext
        do {
            return try entity.schema.listQuery(
                call.query.items.map { ($0.name, $0.value) }, custom: try await custom(tenant), context: context,
                expandable: expansions.keys.sorted(), other: other)
        } catch let failure as ValidationFailure {
            throw Problem(.invalidParameter, errors: failure.issues.map(FieldError.init))
        }
    }
}

extension Call {
    /// The JSON body and the context of a write.
    public func write() async throws -> (body: JSON, context: WriteContext) {
        let body = try await json()
        // The fingerprint is of the meaning, not of the spaces.
        return (body, try writeContext(body: body.serialize()))
    }
}

extension HTTPResponse {
    func without(_ header: String) -> HTTPResponse {
        var response = self
        response.headers.remove(header)
        return response
    }
}
