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
    func find(account: UUID, _ keys: [MatchKey], _ tenant: TenantID) async throws -> Contact? {
        guard !keys.isEmpty else { return nil }
        let schema = SchemaName(tenant)
        return try await environment.database.query(
            tenant, "\(Self.table.select(schema)) where id = (\(Self.matching(keys, of: account, schema)))"
        ).first.map { try Self.table.record($0) }
    }

    /// Selects the id of the oldest contact of an account, if any, who has one of these keys.
    static func matching(_ keys: [MatchKey], of account: UUID, _ schema: SchemaName) -> SQL {
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
                """, DuplicatePolicy.select(schema),
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
        let policy = try DuplicatePolicy.read(owners[1])
        let resolved = drafts.map { draft in Self.resolve(draft, accounts, ids) }
        let placed = resolved.compactMap { try? $0.get() }
        let keys = Array(Set(placed.flatMap(\.matchKeys).map(\.text)))
        let pairs = placed.flatMap { contact in
            contact.accountID.map { account in contact.matchKeys.map { (scope: account, key: $0.text) } } ?? []
        }
        let sharing = SharedKeys("contacts", order: "created_at", limit: 20, scope: "account_id")
        let matching: SQL = "where id = any(array(\(sharing.select(pairs, schema)))) order by created_at"
        let stored = try await environment.database.query(tenant, "\(Self.table.select(schema)) \(matching)")
            .map { try Self.table.record($0) }
        var door = ContactDoor(
            policy: policy, known: try owners[2].map { try Self.table.record($0) }, candidates: stored)
        let creations = resolved.map { contact -> Creation<Contact> in
            switch contact {
            case .failure(let problem): .refuse(problem)
            case .success(let contact): door.decide(contact)
            }
        }
        guard policy.action != .createAndFlag else { return creations }
        return creations.guarded(
            by: WriteTurn("contacts", keys: keys).guarding(
                found: stored.map(\.id), matching: "select id from \(schema).contacts \(matching)"))
    }

    private static func resolve(
        _ draft: Draft<Contact>, _ accounts: [ExternalKey: UUID], _ ids: Set<UUID>
    ) -> Result<Contact, Problem> {
        var contact = draft.record
        if let name = draft.inputs.value("accountExternalId", as: String.self) {
            let system = draft.inputs.value("accountExternalSystem", as: String.self) ?? contact.externalSystem
            guard let account = accounts[ExternalKey(system: system, id: name)] else {
                return .failure(Accounts.unknown("/accountExternalId", name))
            }
            contact.accountID = account
        }
        if let account = contact.accountID, !ids.contains(account) {
            return .failure(Accounts.unknown("/accountId", account.lowercased))
        }
        return .success(contact)
    }
}

/// Decides over new contacts one after the other.
private struct ContactDoor {
    let policy: DuplicatePolicy
    var known: [Contact]
    var candidates: [Contact]

    mutating func decide(_ contact: Contact) -> Creation<Contact> {
        if let same = known.first(knownAs: contact) { return .unchanged(same) }
        let others = candidates.filter { $0.accountID == contact.accountID && contact.accountID != nil }
        let decision = DuplicateDecision.decide(
            contact.matchKeys, candidates: others.map { ($0.id, $0.matchKeys) }, policy: policy,
            canLink: { id in contact.externalID == nil || others.first { $0.id == id }?.externalID == contact.externalID
            })
        switch decision {
        case .create(let duplicates):
            candidates.append(contact)
            if contact.externalID != nil { known.append(contact) }
            return .create(contact, answer: ["duplicates": .array(duplicates.map(\.json))])
        case .block(let duplicate): return .refuse(duplicate.problem)
        case .link(let duplicate):
            return others.first { $0.id == duplicate.id }.map { .unchanged($0) } ?? .refuse(Problem(.conflict))
        }
    }
}
