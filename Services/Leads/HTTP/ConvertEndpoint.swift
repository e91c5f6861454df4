import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Runtime
import ServiceKit
import Tenancy
import Values

/// `POST /v1/leads/{id}/convert`: a person waits, so what takes no longer than two seconds is answered whole.
struct ConvertEndpoint: Sendable {
    let leads: Resource<Lead>
    let runner: ConversionRunner

    private static let patience = Duration.seconds(2)

    private static let body = ObjectSchema(
        "LeadConvert",
        [
            FieldDefinition(
                "account", .json, zh: "客户", en: "Account", help: "Members of the account that is made or found."),
            FieldDefinition("contact", .json, zh: "联系人", en: "Contact", help: "Members of the contact."),
            FieldDefinition(
                "opportunity", .json, zh: "商机", en: "Opportunity", help: "Members of the opportunity; null makes none."),
            FieldDefinition(
                "occurredAt", .timestamp, zh: "发生时间", en: "Occurred at", help: "For the past; needs backdate."),
        ])

    private static let answer = Schema(
        "Conversion",
        [
            "type": "object", "required": ["leadId", "accountId", "contactId", "opportunityId", "saga"],
            "properties": [
                "leadId": ["type": "string"], "accountId": ["type": ["string", "null"]],
                "contactId": ["type": ["string", "null"]], "opportunityId": ["type": ["string", "null"]],
                "saga": ["type": "object"],
            ],
        ])

    var endpoint: Endpoint {
        Endpoint(
            .post, "/v1/leads/{id}/convert", id: "convertLead",
            summary: "Make a customer of it, with contact and opportunity", tags: ["leads"],
            permission: "leads.convert", parameters: [leads.idParameter],
            body: .json(Schema(Self.body.name, Self.body.jsonSchema(.create)), required: false),
            responses: [
                ResponseSpec(201, "Done.", schema: Self.answer),
                ResponseSpec(202, "It goes on by itself; read the lead again.", schema: Self.answer),
            ], errors: [.notFound, .conflict, .ruleViolated]
        ) { call in
            let (body, asked) = try await call.write()
            let given = try Self.body.validate(create: body)
            let context = try asked.happened(at: given.value("occurredAt"))
            return try await convert(call.path.string("id"), body, context)
        }
    }

    /// Converting twice is converting once: what was done is answered again. A repeated request finds its own saga, also
    /// one that was refused.
    private func convert(_ key: String, _ body: JSON, _ context: WriteContext) async throws -> HTTPResponse {
        let lead = try await leads.visible(key, context.principal, tenant: context.tenant)
        var conversion: StoredConversion?
        if let id = context.requestID { conversion = try await runner.store.find(id, context.tenant) }
        if conversion == nil {
            if lead.status == .converted { return Self.answer(lead, nil) }
            conversion = try await begin(lead, body, context)
        }
        guard let conversion else { throw Problem(.internalError) }
        let saga = try await runner.advance(conversion, context.tenant, until: .after(Self.patience))
        guard let now = try await leads.find(lead.id, tenant: context.tenant) else { throw Problem(.notFound) }
        let isOver = saga.nextAction == nil || now.conversionID == nil
        if saga.phase == .failed || isOver && now.status != .converted {
            let reason = saga.reason ?? "refused"
            throw Problem(
                .ruleViolated, .init(en: "The conversion was refused: \(reason)", zh: "转化被拒绝：\(reason)"))
        }
        return Self.answer(now, saga)
    }

    /// The stored saga: a running one of the lead, or a new one in the transaction that marks the lead.
    private func begin(_ lead: Lead, _ body: JSON, _ context: WriteContext) async throws -> StoredConversion {
        if let id = lead.conversionID, let found = try await runner.store.find(id, context.tenant) { return found }
        var request = body.object ?? [:]
        let isPerson = lead.person != nil || lead.phone != nil || lead.email != nil
        if request["contact"] == nil, isPerson { request["contact"] = .object([:]) }
        if request["opportunity"] == nil { request["opportunity"] = .object([:]) }
        if request["account"]?.object == nil { request["account"] = .object([:]) }
        let saga = ConversionSaga(
            id: context.requestID ?? UUIDv7.make(), leadID: lead.id, wantsContact: request["contact"]?.object != nil,
            wantsOpportunity: request["opportunity"]?.object != nil)
        let conversion = StoredConversion(
            saga: saga, request: .object(request), principal: context.principal, occurredAt: context.occurredAt)
        _ = try await leads.change(lead.id.lowercased, context) { old in
            var modification = try LeadActs.modification(of: old, .startConversion(saga: saga.id), context)
            modification.happening = .conversionStarted(saga.id, steps: saga.steps)
            modification.statements.append(
                runner.store.insert(conversion, SchemaName(context.tenant), at: context.now))
            return modification
        }
        return conversion
    }

    private static func answer(_ lead: Lead, _ saga: ConversionSaga?) -> HTTPResponse {
        let isDone = lead.status == .converted
        let json: JSON = [
            "leadId": lead.id.json, "accountId": lead.accountID.json, "contactId": lead.contactID.json,
            "opportunityId": lead.opportunityID.json, "orderId": .null,
            "saga": [
                "id": (saga?.id ?? lead.conversionID).json,
                "status": (isDone ? "completed" : saga?.phase.rawValue ?? "running").json,
            ],
        ]
        var response = HTTPResponse.json(json, status: isDone ? .created : .accepted)
        response.headers["Location"] = "/v1/leads/\(lead.id.lowercased)"
        response.headers["X-Guanxi-Position"] = "\(lead.id.lowercased):\(lead.version)"
        return response
    }
}
