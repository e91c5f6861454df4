import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// What was done with the records of a resource: told by `POST …/{id}/activities`, read by `GET`.
///
/// They stand in the tenant's table `activities`; each is a change of its record, and so one of its events.
public struct ActivityLog<Record: Aggregate>: Sendable {
    private let resource: Resource<Record>
    /// The column that refers to the record: `lead_id`.
    private let column: String
    /// What the activity changes about its record.
    private let decide: @Sendable (Record, Activity, WriteContext) throws -> Modification<Record>

    /// - Parameter decide: its statements need not hold the activity's own, nor its event.
    public init(
        _ resource: Resource<Record>, column: String,
        decide: @escaping @Sendable (Record, Activity, WriteContext) throws -> Modification<Record>
    ) {
        (self.resource, self.column, self.decide) = (resource, column, decide)
    }

    public var endpoints: [Endpoint] { [add, list] }

    private var path: String { "/v1/\(resource.collection)/{id}/activities" }

    private var add: Endpoint {
        let schema = ObjectSchema(
            "Add\(resource.typeName)Activity",
            [
                FieldDefinition("kind", .choice(of: Activity.Kind.self), zh: "类型", en: "Kind", .required),
                FieldDefinition("text", .text, zh: "内容", en: "Text"),
                FieldDefinition("outcome", .string, zh: "结果", en: "Outcome"),
                .occurredAt,
            ])
        return Endpoint(
            .post, path, id: "add\(resource.typeName)Activity", summary: "Record what was done",
            tags: [resource.collection], permission: Permission("\(resource.collection).write"),
            parameters: [resource.idParameter, .ifMatch, .idempotencyKey],
            body: .json(Schema(schema.name, schema.jsonSchema(.create))), responses: [resource.shown()],
            errors: [.notFound, .versionMismatch, .conflict, .ruleViolated]
        ) { call in
            let (body, asked) = try await call.write()
            let given = try schema.validate(create: body)
            let context = try asked.happened(at: given.value("occurredAt"))
            let activity = Activity(
                id: UUIDv7.make(), kind: given.value("kind") ?? .note, text: given.value("text"),
                outcome: given.value("outcome"), at: context.occurredAt, by: context.principal.subjectID)
            return try await resource.change(call.path.string("id"), context) { old in
                try modification(of: old, activity, context)
            }
        }
    }

    /// The change that recording an activity is.
    public func modification(
        of old: Record, _ activity: Activity, _ context: WriteContext
    ) throws -> Modification<Record> {
        try activity.validate()
        var modification = try decide(old, activity, context)
        modification.event = EventDraft("activity-added", details: activity.details.json.object ?? [:])
        modification.statements.append(
            """
            insert into \(schema: context.tenant).activities (id, \(ident: column), kind, text, outcome, at, by_id)
            values (\(activity.id), \(old.id), \(activity.kind.rawValue), \(activity.text), \(activity.outcome),
                \(activity.at), \(activity.by))
            """)
        return modification
    }

    private var list: Endpoint {
        Endpoint(
            .get, path, id: "list\(resource.typeName)Activities", summary: "What was done with it",
            tags: [resource.collection], permission: Permission("\(resource.collection).read"),
            parameters: [resource.idParameter],
            responses: [
                ResponseSpec(
                    200, "The activities, the newest first.",
                    schema: Schema("\(resource.typeName)Activities", ["type": "object", "required": ["items"]]))
            ], errors: [.notFound]
        ) { call in
            let tenant = try call.tenant
            let record = try await resource.visible(call.path.string("id"), try call.caller, tenant: tenant)
            let rows = try await resource.environment.database.query(
                tenant,
                """
                select id, kind, text, outcome, at, by_id from \(schema: tenant).activities
                where \(ident: column) = \(record.id) order by at desc, id desc limit 500
                """)
            let items = try rows.map { row -> JSON in
                [
                    "id": try row.get(0, as: UUID.self).json, "kind": try row.get(1, as: String.self).json,
                    "text": try row.get(2, as: String?.self).json, "outcome": try row.get(3, as: String?.self).json,
                    "at": try row.get(4, as: Timestamp.self).json, "by": try row.get(5, as: UUID?.self).json,
                ]
            }
            return .json(["items": .array(items)])
        }
    }
}
