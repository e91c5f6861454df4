import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The acts on a lead that are no plain change of fields.
struct LeadActs: Sendable {
    let leads: Resource<Lead>
    let policies: Policies

    var endpoints: [Endpoint] {
        [
            act(
                "status", id: "setLeadStatus", summary: "Move to another status",
                fields: [
                    FieldDefinition("status", .choice(of: LeadStatus.self), zh: "状态", en: "Status", .required),
                    FieldDefinition("reason", .string(max: 500), zh: "原因", en: "Reason"),
                ]
            ) { given, _, _ in .setStatus(given.value("status") ?? .new, reason: given.value("reason")) },
            act("qualify", id: "qualifyLead", summary: "Call it qualified", fields: []) { _, _, _ in
                .setStatus(.qualified)
            },
            act(
                "disqualify", id: "disqualifyLead", summary: "Call it disqualified",
                fields: [FieldDefinition("reason", .string(max: 500), zh: "原因", en: "Reason", .required)]
            ) { given, _, _ in .setStatus(.disqualified, reason: given.value("reason")) },
            act(
                "assign", id: "assignLead", summary: "Give it to a person or a team", permission: "leads.assign",
                fields: [
                    FieldDefinition("ownerId", .reference(to: "user"), zh: "负责人", en: "Owner"),
                    FieldDefinition("teamId", .reference(to: "team"), zh: "团队", en: "Team"),
                    FieldDefinition("reason", .string(max: 500), zh: "原因", en: "Reason"),
                ]
            ) { try await assignment($0, of: $1, $2) },
            act(
                "grade", id: "gradeLead", summary: "Grade it anew by the rules that hold now",
                description: "A lead is graded when it comes and when its fields change; this is for changed rules.",
                fields: []
            ) { _, old, context in
                try await policies.policy(of: context.tenant).grades.map { .grade($0.grade(old)) }
            },
            items("touches", id: "listLeadTouches", summary: "Each time it came to us") { lead, schema in
                """
                select jsonb_build_object('id', id, 'source', source, 'product', product, 'need', need,
                    'at', shared.rfc3339(at), 'externalSystem', external_system, 'externalId', external_id)
                from \(schema).touches where lead_id = \(lead) order by at, id limit 500
                """
            },
        ] + activities.endpoints
    }

    /// The first contact moves a new lead on; the activity is what happened.
    private var activities: ActivityLog<Lead> {
        ActivityLog(leads, column: "lead_id") { old, activity, context in
            try Self.modification(of: old, .addActivity(activity), context)
        }
    }

    /// Another owner must be there, and brings his team with him unless one is asked for.
    private func assignment(_ given: FieldChanges, of old: Lead, _ context: WriteContext) async throws -> LeadCommand {
        try given.requireAssignee()
        let owner: UUID? = given.value("ownerId")
        var team: UUID? = given.value("teamId")
        if let team, team != old.teamID {
            try await leads.environment.directory?.check(team, .teams, at: "/teamId", context)
        }
        if let owner, owner == old.ownerID {
            team = team ?? old.teamID
        } else if let owner {
            let person = try await leads.environment.directory?.active(owner, at: "/ownerId", context)
            team = team ?? person?.team
        }
        return .assign(
            Assignment(
                owner: owner, team: team, rule: nil, ruleName: nil,
                why: [given.value("reason") ?? "assigned by hand"]))
    }

    private func act(
        _ verb: String, id: String, summary: String, description: String? = nil, permission: Permission? = nil,
        fields: [FieldDefinition],
        command: @escaping @Sendable (FieldChanges, Lead, WriteContext) async throws -> LeadCommand?
    ) -> Endpoint {
        leads.act(
            verb, id: id, summary: summary, description: description, permission: permission, fields: fields
        ) { given, old, context in
            guard let command = try await command(given, old, context) else {
                return Modification(from: old, to: old)
            }
            return try Self.modification(of: old, command, context)
        }
    }

    /// A command's events as one change: the first names it.
    static func modification(of old: Lead, _ command: LeadCommand, _ context: WriteContext) throws -> Modification<Lead>
    {
        let events = try Lead.decide(old, command, context.lead)
        let new = events.reduce(old, Lead.evolve)
        guard let first = events.first else { return Modification(from: old, to: old) }
        return Modification(from: old, to: new, first.draft(context))
    }

    private func items(
        _ name: String, id: String, summary: String, select: @escaping @Sendable (UUID, SchemaName) -> SQL
    ) -> Endpoint {
        Endpoint(
            .get, "/v1/leads/{id}/\(name)", id: id, summary: summary, tags: ["leads"], permission: "leads.read",
            parameters: [leads.idParameter],
            responses: [
                ResponseSpec(200, "The items.", schema: Schema("LeadItems", ["type": "object", "required": ["items"]]))
            ], errors: [.notFound]
        ) { call in
            let tenant = try call.tenant
            let lead = try await leads.visible(call.path.string("id"), try call.caller, tenant: tenant)
            let rows = try await leads.environment.database.query(tenant, select(lead.id, SchemaName(tenant)))
            return .json(["items": .array(try rows.map { try $0.get(0, as: JSON.self) })])
        }
    }
}
