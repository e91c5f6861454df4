import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Text
import Values

/// The people at accounts. Two of one account with the same phone or e-mail are one person, treated as the tenant
/// treats duplicates.
struct Contacts: Sendable {
    let environment: ResourceEnvironment

    private static let table = Table<Contact>("contacts")
    private static let sharing = SharedKeys("contacts", order: "created_at", limit: 20, scope: "account_id")

    static func resource(_ environment: ResourceEnvironment) -> Resource<Contact> {
        let contacts = Contacts(environment: environment)
        return Resource(
            "contacts", environment: environment,
            ownership: Ownership(owner: \.ownerID, team: \.teamID),
            inputs: [
                FieldDefinition("accountExternalId", .string, zh: "客户外部编号", en: "Account's external id"),
                FieldDefinition("accountExternalSystem", .string, zh: "客户外部系统", en: "Account's external system"),
            ],
            rules: ResourceRules(
                creating: { try await contacts.create($0) },
                naming: { try await Accounts(environment: environment).naming($0, $1) },
                columns: { contact in
                    let text = SearchText.of(names: [contact.name], phones: [contact.phone], others: [contact.email])
                    return [
                        ("search", "\(text)"),
                        ("match_keys", "\(contact.matchKeys.map(\.text))"),
                    ]
                }),
            searchColumn: "search")
    }

    /// The one of an account who has one of these keys; the oldest.
    func find(account: UUID, _ keys: [AccountMatchKey], _ tenant: TenantID) async throws -> Contact? {
        guard !keys.isEmpty else { return nil }
        let schema = SchemaName(tenant)
        return try await environment.database.query(
            tenant, "\(Self.table.select(schema)) where id = (\(Self.matching(keys, of: account, schema)))"
        ).first.map { try Self.table.record($0) }
    }

    /// Selects the id of the oldest contact of an account, if any, who has one of these keys.
    static func matching(_ keys: [AccountMatchKey], of account: UUID, _ schema: SchemaName) -> SQL {
        """
        select id from \(schema).contacts where account_id = \(account)
        and match_keys && \(keys.map(\.text)) and deleted_at is null order by created_at limit 1
        """
    }

    // MARK: - Creation

    private func create(_ drafts: [Draft<Contact>]) async throws -> [Creation<Contact>] {
        guard let tenant = drafts.first?.context.tenant else { return [] }
        let schema = SchemaName(tenant)
        let names = drafts.compactMap { $0.inputs.value("accountExternalId", as: String.self) }
        let owners = try await environment.database.flight(
            tenant,
            [
                """
                select external_system, external_id, id from \(schema).accounts
                where (external_id = any(\(names)) or id = any(\(drafts.compactMap(\.record.accountID))))
                    and deleted_at is null
                """, AccountDuplicatePolicy.select(schema),
                "\(Self.table.select(schema)) where external_id = any(\(drafts.compactMap(\.record.externalID)))",
            ], options: .read)
        var accounts: [ExternalKey: UUID] = [:]
        var ids: Set<UUID> = []
        for row in owners[0] {
            if let number = try row.get(1, as: String?.self) {
                accounts[ExternalKey(system: try row.get(0), id: number)] = try row.get(2)
            }
            ids.insert(try row.get(2))
        }
        let policy = try AccountDuplicatePolicy.read(owners[1])
        let resolved = drafts.map { draft in Self.resolve(draft, accounts, ids) }
        let pairs = resolved.compactMap { try? $0.get() }.flatMap { contact in
            contact.accountID.map { account in contact.matchKeys.map { (scope: account, key: $0.text) } } ?? []
        }
        let check = Self.sharing.check(pairs, schema)
        let stored = try await environment.database.query(tenant, "\(Self.table.select(schema)) \(check.matching)")
            .map { try Self.table.record($0) }
        var intake = ContactIntake(
            policy: policy, known: try owners[2].map { try Self.table.record($0) },
            candidates: MatchIndex(stored) { $0.matchKeys })
        let creations = resolved.map { contact -> Creation<Contact> in
            switch contact {
            case .failure(let problem): .refuse(problem)
            case .success(let contact): intake.decide(contact)
            }
        }
        return check.guarding(creations, policy, found: stored.map { $0.id })
    }

    private static func resolve(
        _ draft: Draft<Contact>, _ accounts: [ExternalKey: UUID], _ ids: Set<UUID>
    ) -> Result<Contact, Problem> {
        var contact = draft.record
        if let name = draft.inputs.value("accountExternalId", as: String.self) {
            let system = draft.inputs.value("accountExternalSystem", as: String.self) ?? contact.externalSystem
            guard let account = accounts[ExternalKey(system: system, id: name)] else {
                return .failure(.unknownReference("/accountExternalId", name))
            }
            contact.accountID = account
        }
        if let account = contact.accountID, !ids.contains(account) {
            return .failure(.unknownReference("/accountId", account.lowercased))
        }
        return .success(contact)
    }
}

/// Decides over new contacts one after the other: each may be one of those before it.
private struct ContactIntake {
    let policy: AccountDuplicatePolicy
    /// By their identity in another system.
    var known: [Contact]
    var candidates: MatchIndex<Contact, AccountMatchKind>

    mutating func decide(_ contact: Contact) -> Creation<Contact> {
        if let same = known.first(knownAs: contact) { return .unchanged(same) }
        let keys = contact.matchKeys
        let colleagues = candidates.sharing(keys).filter {
            contact.accountID != nil && $0.record.accountID == contact.accountID
        }
        let decision = policy.decide(
            keys, among: colleagues,
            canLink: { contact.externalID == nil || $0.externalID == contact.externalID })
        switch decision {
        case .create(let duplicates):
            candidates.insert(contact, keys: keys)
            if contact.externalID != nil { known.append(contact) }
            return .create(contact, answer: .answer(duplicates))
        case .block(let duplicate): return .refuse(Problem(duplicate))
        case .link(let duplicate):
            return candidates[duplicate.id].map { .unchanged($0) } ?? .refuse(Problem(.conflict))
        }
    }
}
