import Contracts
import Entities
import HTTP
import JSON
import Postgres
import Tenancy
import Values

extension Resource {
    private static var fieldLimit: Int { 100 }

    /// Which fields of its own a tenant gives the collection's objects.
    var customFieldEndpoints: [Endpoint] { [listFields, putField, deleteField] }

    private var fieldPath: String { "\(path)/custom-fields" }
    private var fieldSchema: Schema { Schema("CustomField", FieldDefinition.customSchema.jsonSchema(.create)) }
    /// The path names the field.
    private var fieldBody: Schema {
        let named = FieldDefinition.customSchema
        return Schema(
            "CustomFieldPut",
            ObjectSchema("CustomFieldPut", named.fields.filter { $0.name != "name" }).jsonSchema(.create))
    }
    private var nameParameter: Parameter {
        .path("name", "The field's name, as under `custom`.", schema: ["type": "string", "example": "roofArea"])
    }

    private var listFields: Endpoint {
        let list: JSON = [
            "type": "object", "required": ["items"], "properties": ["items": fieldSchema.list.json],
        ]
        return Endpoint(
            .get, fieldPath, id: "list\(typeName)CustomFields", summary: "The tenant's own fields of \(collection)",
            tags: tags, permission: Permission("\(collection).read"),
            responses: [
                ResponseSpec(
                    200, "In the order in which they were defined.",
                    schema: Schema("\(typeName)CustomFields", list, uses: [fieldSchema]))
            ]
        ) { call in
            .json(["items": .array(try await environment.customFields.definitions(of: entity.name, try call.tenant))])
        }
    }

    private var putField: Endpoint {
        Endpoint(
            .put, "\(fieldPath)/{name}", id: "put\(typeName)CustomField", summary: "Define a field of \(collection)",
            description: """
                Creates it, or changes what it is called, what it must be and what may be chosen. Its type stays what it \
                is, and what was written before stays as it was. It can be written, filtered, imported and used in rules \
                as `custom.<name>`, everywhere within a second.
                """,
            tags: tags, permission: "custom-fields.write", parameters: [nameParameter], body: .json(fieldBody),
            responses: [
                ResponseSpec(200, "Changed.", schema: fieldSchema), ResponseSpec(201, "Defined.", schema: fieldSchema),
            ], errors: [.validationFailed, .ruleViolated]
        ) { call in
            let (body, context) = try await call.write()
            let definition = try Self.named(body, call.path.string("name"))
            _ = try FieldDefinition(custom: definition)
            return try await writer.write(context) {
                let there = try await environment.customFields.definitions(of: entity.name, context.tenant)
                let old = there.first { $0["name"] == definition["name"] }
                try Self.check(definition, replacing: old, count: there.count)
                return PreparedWrite(
                    [CustomFieldStore.put(definition, of: entity.name, in: SchemaName(context.tenant))],
                    response: .json(definition, status: old == nil ? .created : .ok))
            }
        }
    }

    private var deleteField: Endpoint {
        Endpoint(
            .delete, "\(fieldPath)/{name}", id: "delete\(typeName)CustomField",
            summary: "Take a field of \(collection) away",
            description: "What was written stays with the objects, and is shown again when the field is.", tags: tags,
            permission: "custom-fields.write", parameters: [nameParameter],
            responses: [ResponseSpec(204, "Gone.")], errors: [.notFound]
        ) { call in
            let context = try call.writeContext()
            let name = call.path.string("name")
            return try await writer.write(context) {
                let there = try await environment.customFields.definitions(of: entity.name, context.tenant)
                guard there.contains(where: { $0["name"]?.string == name }) else { throw Problem(.notFound) }
                return PreparedWrite(
                    [CustomFieldStore.delete(name, of: entity.name, in: SchemaName(context.tenant))],
                    response: .noContent)
            }
        }
    }

    /// The definition with its name, which the body may repeat.
    private static func named(_ body: JSON, _ name: String) throws(Problem) -> JSON {
        guard var members = body.object else { throw Problem(.malformedJSON) }
        guard members["name"] == nil || members["name"] == .string(name) else {
            throw Problem.validation([.mismatch("/name")])
        }
        members["name"] = .string(name)
        return .object(members)
    }

    private static func check(_ definition: JSON, replacing old: JSON?, count: Int) throws(Problem) {
        if let old, old["type"] != definition["type"] {
            throw Problem(
                .ruleViolated,
                .init(
                    en: "Its type stays \(old["type"]?.string ?? ""): define a field of another name.",
                    zh: "字段类型 \(old["type"]?.string ?? "") 不能修改，请新建其他名称的字段。"))
        }
        guard old != nil || count < fieldLimit else {
            throw Problem(
                .ruleViolated,
                .init(
                    en: "At most \(fieldLimit) fields: take one away first.", zh: "最多 \(fieldLimit) 个自定义字段，请先删除不用的字段。"))
        }
    }
}
