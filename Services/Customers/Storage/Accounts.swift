import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Text
import Values

/// What accounts need besides the usual: intake, and their places in the tree.
struct Accounts: Sendable {
    let environment: ResourceEnvironment

    private static let table = Table<Account>("accounts")
    private static let sharing = SharedKeys("accounts", order: "created_at", limit: 20)

    static func resource(_ environment: ResourceEnvironment) -> Resource<Account> {
        let accounts = Accounts(environment: environment)
        return Resource(
            "accounts", environment: environment,
            ownership: Ownership(owner: \.ownerID, team: \.teamID, giving: "accounts.assign"),
            inputs: [
                FieldDefinition("parentExternalId", .string, zh: "上级客户外部编号", en: "Parent's external id"),
                FieldDefinition("parentExternalSystem", .string, zh: "上级客户外部系统", en: "Parent's external system"),
            ],
            rules: ResourceRules(
                creating: { try await accounts.create($0) },
                changing: { modification, _, context in
                    if modification.new.creditCode != modification.old.creditCode {
                        try modification.new.validateCreditCode()
                    }
                    return try await AccountTree(environment: environment).checked(modification, context)
                },
                restoring: { try await accounts.restored($0, $1) },
                columns: { [("search", "\(searchText($0))"), ("match_keys", "\($0.matchKeys.map(\.text))")] }),
            searchColumn: "search")
    }

    // MARK: - Creation

    private func create(_ drafts: [Draft<Account>]) async throws -> [Creation<Account>] {
        guard let first = drafts.first else { return [] }
        let tenant = first.context.tenant
        let schema = SchemaName(tenant)
        let keys = drafts.map(\.record.matchKeys)
        let check = Self.sharing.check(keys.joined().uniqueTexts(), isBatch: drafts.count > 1, schema)
        let results = try await environment.database.flight(
            tenant,
            [
                """
                select nextval(\("\(tenant.schema).account_code")::text::regclass) from generate_series(1, \(drafts.count))
                """,
                "\(Self.table.select(schema)) where external_id = any(\(drafts.compactMap(\.record.externalID)))",
                "\(Self.table.select(schema)) \(check.matching)", AccountDuplicatePolicy.select(schema),
            ])
        let tree = try await AccountTree(environment: environment).parents(of: drafts, tenant)
        let known = try results[1].map { try Self.table.record($0) }
        let stored = try results[2].map { try Self.table.record($0) }
        let policy = try AccountDuplicatePolicy.read(results[3])
        var intake = AccountIntake(policy: policy, known: known, stored)
        let creations = try zip(zip(drafts, keys), results[0]).map { draft, row in
            let (draft, keys) = draft
            var account = draft.record
            account.code =
                ReadableCode(
                    prefix: Account.codePrefix, year: draft.context.now.date(in: .gmt).year,
                    number: try row.get(0, as: Int64.self)
                ).description
            do {
                try account.validateCreditCode()
                account.parentID = try tree.parent(of: draft)
                return intake.decide(account, keys, draft.context)
            } catch {
                return .refuse(Problem(translating: error) ?? Problem(.ruleViolated))
            }
        }
        return check.guarding(creations, policy, found: stored.map { $0.id })
    }

    /// Thresholds and days that came while it was deleted are looked at by the clock.
    private func restored(
        _ modification: Modification<Account>, _ context: WriteContext
    ) async throws -> Modification<Account> {
        let tenant = try await environment.database.directory.active(context.tenant)
        var result = modification
        result.statements.append(
            """
            update \(tenant.schema).accounts set next_check = \(context.now.date(in: tenant.zone))
            where id = \(modification.new.id) and order_count > 0
            """)
        return result
    }

    /// The account that another system's number means, for what hangs on accounts.
    func naming(_ members: JSONObject, _ context: WriteContext) async throws -> JSONObject {
        guard let id = members["accountExternalId"]?.string else { return [:] }
        let system = members["accountExternalSystem"] ?? members["externalSystem"]
        let key = ExternalKey(system: system?.string, id: id)
        guard let account = try await Self.resource(environment).find(key, tenant: context.tenant),
            account.deletedAt == nil
        else { throw Problem.unknownReference("/accountExternalId", id) }
        return ["accountId": account.id.json]
    }

    private static func searchText(_ account: Account) -> String {
        SearchText.of(
            names: [account.name] + account.aliases, phones: [account.phone], others: [account.email, account.code])
    }
}

/// Decides over new accounts one after the other: each may be one of those before it.
private struct AccountIntake {
    let policy: AccountDuplicatePolicy
    /// By their identity in another system.
    var known: [Account]
    var candidates: MatchIndex<Account, AccountMatchKind>

    init(policy: AccountDuplicatePolicy, known: [Account], _ stored: [Account]) {
        (self.policy, self.known) = (policy, known)
        candidates = MatchIndex(stored) { $0.matchKeys }
    }

    /// - Parameter keys: of the account; keys of names are expensive to compute.
    mutating func decide(
        _ account: Account, _ keys: [AccountMatchKey], _ context: WriteContext
    ) -> Creation<Account> {
        if let same = known.first(knownAs: account) { return .unchanged(same) }
        let decision = policy.decide(
            keys, among: candidates.sharing(keys),
            canLink: { account.externalID == nil || $0.externalID == nil })
        switch decision {
        case .create(let duplicates):
            note(account, keys)
            return .create(account, answer: .answer(duplicates))
        case .block(let duplicate): return .refuse(Problem(duplicate))
        case .link(let duplicate):
            guard let old = candidates[duplicate.id] else { return .refuse(Problem(.conflict)) }
            var new = old.completed(by: account)
            guard new != old else { return .unchanged(old) }
            let creation = Creation.change(from: old, to: new, answer: .answer([duplicate]))
            // As it will be written: another draft of this batch may build on it.
            (new.version, new.updatedAt) = (old.version + 1, context.now)
            note(new, new.matchKeys)
            return creation
        }
    }

    private mutating func note(_ account: Account, _ keys: [AccountMatchKey]) {
        candidates.insert(account, keys: keys)
        if account.externalID != nil { known.append(account) }
    }
}
