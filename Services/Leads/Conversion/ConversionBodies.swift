import Foundation
import JSON
import Values

/// What each service is told: the request's wishes, filled up from the lead.
struct ConversionBodies: Sendable {
    let lead: Lead
    let conversion: StoredConversion

    func body(of step: ConversionSaga.Step) -> JSON {
        var body = conversion.request[step.rawValue]?.object ?? [:]
        func fill(_ name: String, _ value: JSON) {
            if body[name]?.isNull ?? true, !value.isNull { body[name] = value }
        }
        fill("ownerId", lead.ownerID.json)
        // Another owner brings his own team.
        if [nil, .null, lead.ownerID.json].contains(body["ownerId"]) { fill("teamId", lead.teamID.json) }
        fill("leadId", lead.id.json)
        switch step {
        case .account:
            fill("name", (lead.company ?? lead.person ?? lead.phone ?? lead.email ?? lead.externalID).json)
            fill("kind", lead.company == nil ? "person" : "company")
            for (name, value) in [
                ("creditCode", lead.creditCode), ("region", lead.region), ("industry", lead.industry),
                ("phone", lead.phone), ("email", lead.email), ("source", lead.source),
            ] { fill(name, value.json) }
            fill("employees", lead.employees.json)
            // A contact named alone says whose customer is meant.
            if body["id"]?.isNull ?? true, let contact = conversion.request["contact"]?["id"] {
                fill("contactId", contact)
            }
        case .contact:
            fill("name", (lead.person ?? lead.phone ?? lead.email).json)
            fill("title", lead.title.json)
            fill("phone", lead.phone.json)
            fill("email", lead.email.json)
            fill("accountId", conversion.saga.results[.account]?.id.json ?? .null)
        case .opportunity:
            fill("name", (lead.company ?? lead.person ?? lead.externalID).json)
            fill("source", lead.source.json)
            fill("amount", lead.amount.json)
            fill("businessLineId", lead.businessLineID.json)
            fill("accountId", conversion.saga.results[.account]?.id.json ?? .null)
            fill("contactId", conversion.saga.results[.contact]?.id.json ?? .null)
        }
        let isNamed = ["id", "contactId"].contains { !(body[$0]?.isNull ?? true) }
        body["seenBy"] = isNamed && step != .opportunity ? conversion.request["seenBy"] : nil
        body["occurredAt"] = conversion.occurredAt.json
        return .object(body)
    }
}
