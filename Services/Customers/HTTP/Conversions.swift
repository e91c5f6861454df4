import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// What a converted lead means here: its account and its contact.
struct Conversions: Sendable {
    let accounts: Resource<Account>
    let contacts: Resource<Contact>

    var steps: SagaSteps {
        SagaSteps(accounts.environment)
            .step(
                "account", accounts, hints: ["contactId", "seenBy"], find: { try await account($0, $1) },
                guards: { account, schema in
                    KeyLock("accounts", keys: account.matchKeys.map(\.text))
                        .guarding(found: [], matching: Self.matching(account, schema))
                }, complete: { $0.leadID = Self.lead($1) }, retire: { $0.giveUpExternalKey() }
            )
            .step(
                "contact", contacts, hints: ["seenBy"], find: { try await contact($0, $1) },
                guards: { contact, schema in
                    guard let account = contact.accountID else { return [] }
                    return KeyLock("contacts", keys: contact.matchKeys.map(\.text)).guarding(
                        found: [], matching: Contacts.matching(contact.matchKeys, of: account, schema))
                },
                complete: { $0.leadID = Self.lead($1) }, retire: { $0.giveUpExternalKey() })
    }

    private static func lead(_ body: JSON) -> UUID? { uuid(body["leadId"]) }
    private static func uuid(_ json: JSON?) -> UUID? { json?.string.flatMap { UUID($0) } }

    // MARK: - What is meant

    /// The account that a lead means: the one named, that of the contact named, or by what tells it from all others:
    /// its identity elsewhere, its credit code, a company's name, a person's phone or e-mail. nil makes a new one.
    private func account(_ body: JSON, _ context: WriteContext) async throws -> Account? {
        if let id = Self.uuid(body["id"]) {
            guard let found = try await accounts.find(id, tenant: context.tenant), found.deletedAt == nil,
                try await Self.sees(body, accounts, found, context.tenant)
            else { throw Problem.unknownReference("/accountId", id.lowercased) }
            return found
        }
        if let id = Self.uuid(body["contactId"]) {
            let contact = try await known(contact: id, body, context.tenant)
            guard let account = contact.accountID,
                let found = try await accounts.find(account, tenant: context.tenant), found.deletedAt == nil
            else {
                throw Self.refused(
                    "/contactId", "elsewhere", "This contact is at no customer: name accountId, too.",
                    "该联系人不属于任何客户，请同时填写 accountId。")
            }
            return found
        }
        if let id = body["externalId"]?.string {
            let key = ExternalKey(system: body["externalSystem"]?.string, id: id)
            if let found = try await accounts.find(key, tenant: context.tenant), found.deletedAt == nil { return found }
        }
        return try await matching(body, context)
    }

    private func matching(_ body: JSON, _ context: WriteContext) async throws -> Account? {
        var told = Account(id: UUIDv7.make(), at: context.now)
        told.kind = body["kind"]?.string.flatMap(Account.Kind.init) ?? .company
        (told.name, told.creditCode) = (body["name"]?.string ?? "", body["creditCode"]?.string)
        (told.phone, told.email) = (body["phone"]?.string, body["email"]?.string)
        let rows = try await accounts.environment.database.query(
            context.tenant, Self.matching(told, SchemaName(context.tenant)))
        guard let row = rows.first else { return nil }
        return try await accounts.find(try row.get(0, as: UUID.self), tenant: context.tenant)
    }

    /// Selects the id of the account, if any, that one is.
    private static func matching(_ account: Account, _ schema: SchemaName) -> SQL {
        // Many companies share a switchboard, but nobody shares his telephone.
        let keys = account.matchKeys.filter { account.kind == .person || [.name, .creditCode].contains($0.kind) }
        return """
            select id from \(schema).accounts
            where match_keys && \(keys.map(\.text)) and kind = \(account.kind.rawValue) and deleted_at is null
            order by created_at limit 1
            """
    }

    /// The contact named, or the one of this account with the same phone or e-mail.
    private func contact(_ body: JSON, _ context: WriteContext) async throws -> Contact? {
        let account = Self.uuid(body["accountId"])
        if let id = Self.uuid(body["id"]) {
            let found = try await known(contact: id, body, context.tenant)
            guard found.accountID == account else {
                throw Self.refused(
                    "/contactId", "elsewhere", "This contact is not at the account of the conversion.",
                    "该联系人不属于所转化的客户。")
            }
            return found
        }
        let keys = [AccountMatchKey(.phone, body["phone"]?.string), AccountMatchKey(.email, body["email"]?.string)]
        guard let account else { return nil }
        return try await Contacts(environment: contacts.environment)
            .find(account: account, keys.compactMap(\.self), context.tenant)
    }

    private func known(contact id: UUID, _ body: JSON, _ tenant: TenantID) async throws -> Contact {
        guard let found = try await contacts.find(id, tenant: tenant), found.deletedAt == nil,
            try await Self.sees(body, contacts, found, tenant)
        else { throw Problem.unknownReference("/contactId", id.lowercased) }
        return found
    }

    /// Whether the person who converts may see what he names: what he may not see is, to him, not there. Conversions
    /// that began before this was told go on.
    private static func sees<Record: Aggregate>(
        _ body: JSON, _ resource: Resource<Record>, _ record: Record, _ tenant: TenantID
    ) async throws -> Bool {
        guard let told = body["seenBy"], !told.isNull else { return true }
        guard let sight = Sight(told) else { return false }
        return try await resource.admits(sight, record, tenant: tenant)
    }

    private static func refused(_ path: String, _ code: String, _ en: String, _ zh: String) -> Problem {
        .validation([FieldError(path, code: code, .init(en: en, zh: zh))])
    }
}
