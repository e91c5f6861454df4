import Entities
import Foundation
import HTTP
import Values

extension Resource {
    /// `POST …/{id}/<verb>`: an act on a record that is no plain change of fields, also recorded later than it happened.
    ///
    /// - Parameters:
    ///   - permission: that of a change when nil.
    ///   - decide: from the body's fields and the record as it is.
    public func act(
        _ verb: String, id: String, summary: String, description: String? = nil, permission: Permission? = nil,
        fields: [FieldDefinition],
        decide: @escaping @Sendable (FieldChanges, Record, WriteContext) async throws -> Modification<Record>
    ) -> Endpoint {
        let schema = ObjectSchema(id.prefix(1).uppercased() + id.dropFirst(), fields + [.occurredAt])
        return Endpoint(
            .post, "/v1/\(collection)/{id}/\(verb)", id: id, summary: summary, description: description,
            tags: [collection], permission: permission ?? Permission("\(collection).write"),
            parameters: [idParameter, .ifMatch, .idempotencyKey],
            body: .json(
                Schema(schema.name, schema.jsonSchema(.create)), required: fields.contains(where: \.isRequired)),
            responses: [shown()], errors: [.notFound, .versionMismatch, .conflict, .ruleViolated]
        ) { call in
            let (body, asked) = try await call.write()
            let given = try schema.validate(create: body)
            let context = try asked.happened(at: given.value("occurredAt"))
            return try await change(call.path.string("id"), context) { old in
                try await decide(given, old, context)
            }
        }
    }
}
