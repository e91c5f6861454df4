import Entities
import Foundation
import HTTP
import JSON
import Resources
import Values

/// What a conversion is asked to make, or to take.
struct ConversionRequest: Sendable {
    let occurredAt: Timestamp?
    /// Members of account, contact and opportunity; null for what is not wanted, absent for what the lead says.
    private let members: JSONObject

    private static let body = ObjectSchema(
        "LeadConvert",
        [
            FieldDefinition(
                "accountId", .reference(to: "account"), zh: "已有客户", en: "Account that is there",
                help: "Instead of account."),
            FieldDefinition(
                "contactId", .reference(to: "contact"), zh: "已有联系人", en: "Contact that is there",
                help: "Instead of contact; without accountId his account is taken."),
            FieldDefinition(
                "account", .json, zh: "客户", en: "Account", help: "Members of the account that is made or found."),
            FieldDefinition(
                "contact", .json, zh: "联系人", en: "Contact", help: "Members of the contact; null makes none."),
            FieldDefinition(
                "opportunity", .json, zh: "商机", en: "Opportunity", help: "Members of the opportunity; null makes none."),
            .occurredAt,
        ])

    private static let links = [
        "account": ["leadId"], "contact": ["leadId", "accountId"],
        "opportunity": ["leadId", "accountId", "contactId"],
    ]

    static let schema = Schema(body.name, body.jsonSchema(.create))

    /// - Throws: ``ValidationFailure`` with everything that is wrong.
    init(_ body: JSON) throws {
        let given = try Self.body.validate(create: body.isNull ? [:] : body)
        occurredAt = given.value("occurredAt")
        var members = body.object ?? [:]
        var issues: [FieldIssue] = []
        for name in ["account", "contact", "opportunity"] {
            guard let value = members[name] else { continue }
            if value.object == nil, !value.isNull {
                issues.append(
                    FieldIssue("/\(name)", "wrongType", "Write an object here, or null.", zh: "此处须为对象或 null。"))
            }
            // What the three are to one another the conversion says.
            for link in Self.links[name, default: []] where !(value[link]?.isNull ?? true) {
                issues.append(.readOnly(JSONPointer([name, link])))
            }
            if let id = members["\(name)Id"], !id.isNull, !value.isNull {
                issues.append(
                    FieldIssue(
                        "/\(name)", "ambiguous", "Give \(name)Id or \(name), not both.",
                        zh: "\(name)Id 与 \(name) 只能填写一项。"))
            }
        }
        guard issues.isEmpty else { throw ValidationFailure(issues) }
        for (name, id) in [
            ("account", given.value("accountId", as: UUID.self)), ("contact", given.value("contactId", as: UUID.self)),
        ] {
            if let id { members[name] = ["id": id.json] }
        }
        self.members = members
    }

    /// Whom the members name as owners, each with its path and what it takes to give such a thing to another.
    var owners: [(id: UUID, path: String, giving: Permission?)] {
        let giving: [(String, Permission?)] = [
            ("account", "accounts.assign"), ("contact", nil), ("opportunity", "opportunities.assign"),
        ]
        return giving.compactMap { name, permission in
            members[name]?["ownerId"]?.string.flatMap { UUID($0) }
                .map { ($0, "/\(name)/ownerId", permission) }
        }
    }

    /// A new conversion of a lead.
    func conversion(of lead: Lead, _ context: WriteContext) -> StoredConversion {
        var request: JSONObject = ["account": members["account"]?.object.map { .object($0) } ?? [:]]
        let isPerson = lead.person != nil || lead.phone != nil || lead.email != nil
        if let contact = members["contact"] ?? (isPerson ? [:] : nil) { request["contact"] = contact }
        request["opportunity"] = members["opportunity"] ?? [:]
        // What is named must be what the caller sees, whenever the step comes to be taken.
        request["seenBy"] = Sight(context.principal).json
        let saga = ConversionSaga(
            id: UUIDv7.make(), leadID: lead.id, wantsContact: request["contact"]?.object != nil,
            wantsOpportunity: request["opportunity"]?.object != nil)
        return StoredConversion(
            saga: saga, request: .object(request), principal: context.principal, occurredAt: context.occurredAt)
    }
}
