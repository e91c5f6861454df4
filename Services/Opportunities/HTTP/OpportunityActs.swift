import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The acts on an opportunity that are no plain change of fields.
struct OpportunityActs: Sendable {
    let opportunities: Opportunities

    var endpoints: [Endpoint] {
        [
            act(
                "move", id: "moveOpportunity", summary: "Move to another stage",
                fields: [
                    FieldDefinition("stage", .string(max: 40), zh: "阶段", en: "Stage", .required),
                    FieldDefinition("reason", .string(max: 1000), zh: "原因", en: "Reason"),
                ]
            ) { .move(stage: $0.value("stage") ?? "", reason: $0.value("reason")) },
            act(
                "win", id: "winOpportunity", summary: "Win",
                fields: [FieldDefinition("amount", .money, zh: "签单金额", en: "Amount")]
            ) { .win(amount: $0.value("amount")) },
            act(
                "lose", id: "loseOpportunity", summary: "Lose",
                fields: [
                    FieldDefinition("reason", .string(max: 500), zh: "丢单原因", en: "Reason", .required),
                    FieldDefinition("competitor", .string, zh: "竞争对手", en: "Competitor"),
                    FieldDefinition(
                        "nurtureOn", .date, zh: "培育日期", en: "Nurture on", help: "The day to come back to it."),
                ]
            ) {
                .lose(
                    reason: $0.value("reason") ?? "", competitor: $0.value("competitor"),
                    nurtureOn: $0.value("nurtureOn")
                )
            },
            act(
                "reopen", id: "reopenOpportunity", summary: "Open a closed one again",
                fields: [
                    FieldDefinition("stage", .string(max: 40), zh: "阶段", en: "Stage"),
                    FieldDefinition("reason", .string(max: 1000), zh: "原因", en: "Reason"),
                ]
            ) { .reopen(stage: $0.value("stage"), reason: $0.value("reason")) },
            assign, history,
        ] + activities.endpoints
    }

    private var assign: Endpoint {
        opportunities.resource.act(
            "assign", id: "assignOpportunity", summary: "Give it to a person or a team",
            permission: "opportunities.assign",
            fields: [
                FieldDefinition("ownerId", .reference(to: "user"), zh: "负责人", en: "Owner"),
                FieldDefinition("teamId", .reference(to: "team"), zh: "团队", en: "Team"),
                FieldDefinition("reason", .string(max: 500), zh: "原因", en: "Reason"),
            ]
        ) { given, old, context in
            try given.requireAssignee()
            return try await opportunities.assign(
                old, owner: given.value("ownerId"), team: given.value("teamId"), reason: given.value("reason"), context)
        }
    }

    private var activities: ActivityLog<Opportunity> {
        ActivityLog(opportunities.resource, column: "opportunity_id") { old, activity, _ in
            var new = old
            new.lastActivityAt = max(old.lastActivityAt ?? activity.at, activity.at)
            return Modification(from: old, to: new)
        }
    }

    private func act(
        _ verb: String, id: String, summary: String, fields: [FieldDefinition],
        command: @escaping @Sendable (FieldChanges) -> OpportunityCommand
    ) -> Endpoint {
        opportunities.resource.act(verb, id: id, summary: summary, fields: fields) { given, old, context in
            try await opportunities.act(command(given), on: old, context)
        }
    }

    private var history: Endpoint {
        let resource = opportunities.resource
        return Endpoint(
            .get, "/v1/opportunities/{id}/history", id: "getOpportunityHistory",
            summary: "Who moved it, when, and how long it was where", tags: ["opportunities"],
            permission: "opportunities.read", parameters: [resource.idParameter],
            responses: [
                ResponseSpec(
                    200, "The changes, oldest first.",
                    schema: Schema("OpportunityHistory", ["type": "object", "required": ["items"]]))
            ], errors: [.notFound]
        ) { call in
            let tenant = try call.tenant
            let found = try await resource.visible(call.path.string("id"), try call.caller, tenant: tenant)
            let rows = try await opportunities.environment.database.query(
                tenant, StageHistory.select(found.id, .init(tenant)))
            return .json(["items": .array(try rows.map(StageHistory.json))])
        }
    }
}
