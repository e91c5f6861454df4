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
                let beside = try await registrations(beside: old, context.tenant)
                let others = beside.filter { old.clashes(with: $0, on: today) }
                let new = try old.registered(
                    days: Int(days), clashing: !others.isEmpty, on: today, at: context.occurredAt)
                var details = OpportunityRegistered()
                (details.clashes, details.by) = (others.map(\.id), context.principal.subjectID)
                return Modification(
                    from: old, to: new, Happening("registered", details: details.json.object ?? [:]),
                    statements: Self.once(old, beside: beside.count, context.tenant),
                    answer: ["clashes": .array(others.map(Self.json))])
            }
        }
    }

    /// Others that are registered for the same customer.
    private func registrations(beside record: Opportunity, _ tenant: TenantID) async throws -> [Opportunity] {
        guard let account = record.accountID else { return [] }
        let table = resource.table
        let rows = try await opportunities.environment.database.query(
            tenant,
            "\(table.select(SchemaName(tenant))) where \(Self.registered(account, record)) order by registered_at, id")
        return try rows.map { try table.record($0) }
    }

    private static func registered(_ account: UUID, _ record: Opportunity) -> SQL {
        """
        account_id = \(account) and id <> \(record.id) and deleted_at is null
        and registration in ('registered', 'disputed')
        """
    }

    /// Two registrations for one customer at once see each other: the second waits for the first, and is decided anew.
    private static func once(_ record: Opportunity, beside count: Int, _ tenant: TenantID) -> [SQL] {
        guard let account = record.accountID else { return [] }
        return [
            "select shared.serialize_on(\("registration \(account.lowercased)"))",
            """
            select shared.require_rows((select count(*) from \(schema: tenant).opportunities
                where \(registered(account, record))), \(Int64(count)))
            """,
        ]
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
            for other in try await registrations(beside: record, tenant)
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
            description: "Those that clash with it are rejected first; sent again, it goes on where it stopped.",
            tags: ["opportunities"], permission: "opportunities.assign",
            parameters: [resource.idParameter, .ifMatch, .idempotencyKey],
            body: .json(Schema(schema.name, schema.jsonSchema(.create))), responses: [resource.shown()],
            errors: [.notFound, .versionMismatch, .conflict, .ruleViolated]
        ) { call in
            let (body, context) = try await call.write()
            let reason: String? = try schema.validate(create: body).value("reason")
            let record = try await resource.visible(
                call.path.string("id"), context.principal, tenant: context.tenant)
            guard record.registration != nil else {
                throw Refusal(.state, "notRegistered", "Register it first.", zh: "请先报备。")
            }
            var details = OpportunityArbitrated()
            (details.keptId, details.reason, details.by) = (record.id, reason, context.principal.subjectID)
            let happening = Happening("arbitrated", details: details.json.object ?? [:])
            let today = context.now.date(
                in: try await opportunities.environment.database.directory.active(context.tenant).zone)
            // Each in its own transaction, without this call's If-Match and key.
            let plain = WriteContext(tenant: context.tenant, principal: context.principal, now: context.now)
            for other in try await registrations(beside: record, context.tenant)
            where record.clashes(with: other, on: today) {
                _ = try await resource.change(other.id.lowercased, plain) { old in
                    Modification(from: old, to: old.arbitrated(kept: false), happening)
                }
            }
            return try await resource.change(call.path.string("id"), context) { old in
                Modification(from: old, to: old.arbitrated(kept: true), happening)
            }
        }
    }

    private static func json(_ other: Opportunity) -> JSON {
        [
            "id": other.id.json, "code": .string(other.code), "ownerId": other.ownerID.json,
            "teamId": other.teamID.json,
            "stage": .string(other.stage), "registration": (other.registration?.rawValue).json,
            "registeredAt": other.registeredAt.json, "protectedUntil": other.protectedUntil.json,
        ]
    }
}
