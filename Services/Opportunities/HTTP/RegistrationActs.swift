import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// Registration 报备 with a protection period, and arbitration of clashes 撞单.
struct RegistrationActs: Sendable {
    let opportunities: Opportunities

    private var resource: Resource<Opportunity> { opportunities.resource }
    private var registrations: Registrations { Registrations(environment: opportunities.environment) }
    private static let usualDays = 90

    var endpoints: [Endpoint] { [register, clashes, arbitrate] }

    private var register: Endpoint {
        let schema = ObjectSchema(
            "RegisterOpportunity",
            [
                FieldDefinition(
                    "days", .integer(1...365), zh: "保护天数", en: "Days",
                    help: "Of protection; \(Self.usualDays) when missing.")
            ])
        return Endpoint(
            .post, "/v1/opportunities/{id}/register", id: "registerOpportunity",
            summary: "Register it for its owner, for a time of protection",
            description: "When another's registration for the same customer and product stands, this one is disputed "
                + "until somebody arbitrates; `clashes` names the others.",
            tags: ["opportunities"], permission: "opportunities.write",
            parameters: [resource.idParameter, .ifMatch, .idempotencyKey],
            body: .json(Schema(schema.name, schema.jsonSchema(.create)), required: false),
            responses: [resource.shown()], errors: [.notFound, .versionMismatch, .conflict, .ruleViolated]
        ) { call in
            let (body, context) = try await call.write()
            let days: Int64 = try schema.validate(create: body).value("days") ?? Int64(Self.usualDays)
            let today = context.now.date(
                in: try await opportunities.environment.database.directory.active(context.tenant).zone)
            return try await resource.change(call.path.string("id"), context) { old in
                let beside = try await registrations.beside(old, context.tenant)
                let others = beside.filter { old.clashes(with: $0, on: today) }
                let new = try old.registered(
                    days: Int(days), clashing: !others.isEmpty, on: today, at: context.occurredAt)
                var details = OpportunityRegistered()
                (details.clashes, details.by) = (others.map(\.id), context.principal.subjectID)
                var modification = Modification(
                    from: old, to: new, EventDraft("registered", details: details.json.object ?? [:]),
                    answer: ["clashes": .array(others.map(Self.json))])
                modification.guards = registrations.once(old, beside: beside.count, context.tenant)
                return modification
            }
        }
    }

    private var clashes: Endpoint {
        Endpoint(
            .get, "/v1/opportunities/{id}/clashes", id: "listOpportunityClashes",
            summary: "Whose registrations clash with it, with the history of each that the caller may see",
            tags: ["opportunities"], permission: "opportunities.read", parameters: [resource.idParameter],
            responses: [
                ResponseSpec(
                    200, "The others, the earliest registration first.",
                    schema: Schema("OpportunityClashes", ["type": "object", "required": ["items"]]))
            ], errors: [.notFound]
        ) { call in
            let (tenant, caller) = (try call.tenant, try call.caller)
            let database = opportunities.environment.database
            let record = try await resource.visible(call.path.string("id"), caller, tenant: tenant)
            let today = Timestamp.now().date(in: try await database.directory.active(tenant).zone)
            var items: [JSON] = []
            for other in try await registrations.beside(record, tenant)
            where record.clashes(with: other, on: today) {
                var item = Self.json(other)
                item["history"] = .null
                if try await resource.admits(caller, other, tenant: tenant) {
                    let rows = try await database.query(tenant, StageHistory.select(other.id, SchemaName(tenant)))
                    item["history"] = .array(try rows.map(StageHistory.json))
                }
                items.append(item)
            }
            return .json(["items": .array(items)])
        }
    }

    private var arbitrate: Endpoint {
        let schema = ObjectSchema(
            "ArbitrateOpportunity",
            [FieldDefinition("reason", .string(max: 1000), zh: "原因", en: "Reason", .required)])
        return Endpoint(
            .post, "/v1/opportunities/{id}/arbitrate", id: "arbitrateOpportunity",
            summary: "Decide that this registration stands",
            description:
                "Those that clash with it are rejected with it, all or none; the caller must see each of them.",
            tags: ["opportunities"], permission: "opportunities.assign",
            parameters: [resource.idParameter, .ifMatch, .idempotencyKey],
            body: .json(Schema(schema.name, schema.jsonSchema(.create))), responses: [resource.shown()],
            errors: [.notFound, .versionMismatch, .conflict, .ruleViolated]
        ) { call in
            let (body, context) = try await call.write()
            let reason: String? = try schema.validate(create: body).value("reason")
            let today = context.now.date(
                in: try await opportunities.environment.database.directory.active(context.tenant).zone)
            return try await resource.change(call.path.string("id"), context) { old in
                try old.checkArbitration(on: today)
                var details = OpportunityArbitrated()
                (details.keptId, details.reason, details.by) = (old.id, reason, context.principal.subjectID)
                let event = EventDraft("arbitrated", details: details.json.object ?? [:])
                let beside = try await registrations.beside(old, context.tenant)
                var statements: [SQL] = []
                for other in beside where old.clashes(with: other, on: today) {
                    guard try await resource.admits(context.principal, other, tenant: context.tenant) else {
                        throw Self.beyondSight
                    }
                    let rejected = Modification(from: other, to: other.arbitrated(kept: false), event)
                    statements += resource.prepare(rejected, context).statements
                }
                var modification = Modification(
                    from: old, to: old.arbitrated(kept: true), event, statements: statements)
                modification.guards = registrations.once(old, beside: beside.count, context.tenant)
                return modification
            }
        }
    }

    private static let beyondSight = Problem(
        .forbidden,
        .init(
            en: "It clashes with an opportunity that you do not see: let somebody decide who sees both.",
            zh: "与您无权查看的商机撞单，请由可查看双方的人员裁定。"))

    private static func json(_ other: Opportunity) -> JSON {
        [
            "id": other.id.json, "code": .string(other.code), "ownerId": other.ownerID.json,
            "teamId": other.teamID.json,
            "stage": .string(other.stage), "registration": (other.registration?.rawValue).json,
            "registeredAt": other.registeredAt.json, "protectedUntil": other.protectedUntil.json,
        ]
    }
}
