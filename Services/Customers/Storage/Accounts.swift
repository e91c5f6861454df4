import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Text
import Values

/// Accounts at the door and in their tree: what they need besides the usual.
struct Accounts: Sendable {
    let environment: ResourceEnvironment

    private static let table = Table<Account>("accounts")

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
        let keys = Array(Set(drafts.flatMap(\.record.matchKeys).map(\.text)))
        let sharing = SharedKeys("accounts", order: "created_at", limit: 20)
        let matching: SQL =
            "where id = any(array(\(sharing.select(keys, isBatch: drafts.count > 1, schema)))) order by created_at"
        let results = try await environment.database.flight(
            tenant,
            [
                """
                select nextval(\("\(tenant.schema).account_code")::text::regclass) from generate_series(1, \(drafts.count))
                """,
                "\(Self.table.select(schema)) where external_id = any(\(drafts.compactMap(\.record.externalID)))",
                "\(Self.table.select(schema)) \(matching)", DuplicatePolicy.select(schema),
            ])
        let tree = try await AccountTree(environment: environment).parents(of: drafts, tenant)
        let known = try results[1].map { try Self.table.record($0) }
        let stored = try results[2].map { try Self.table.record($0) }
        let policy = try DuplicatePolicy.read(results[3])
        var door = AccountDoor(policy: policy, known: known, candidates: stored)
        let creations = try zip(drafts, results[0]).map { draft, row in
            var account = draft.record
            account.code =
                ReadableCode(
                    prefix: Account.codePrefix, year: draft.context.now.date(in: .gmt).year,
                    number: try row.get(0, as: Int64.self)
                ).description
            do {
                try account.validateCreditCode()
                account.parentID = try tree.parent(of: draft)
                return door.decide(account, draft.context)
            } catch {
                return .refuse(Problem(translating: error) ?? Problem(.ruleViolated))
            }
        }
        // Flags may miss what came in at the same moment; a promise of one record may not.
        guard policy.action != .createAndFlag else { return creations }
        return creations.guarded(
            by: WriteTurn("accounts", keys: keys).guarding(
                found: stored.map(\.id), matching: "select id from \(schema).accounts \(matching)"))
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
        else { throw Self.unknown("/accountExternalId", id) }
        return ["accountId": account.id.json]
    }

    static func unknown(_ path: String, _ value: String) -> Problem {
        .validation([
            FieldError(
                path, code: "unknownReference",
                .init(en: "There is no such object: \(value.prefix(80)).", zh: "不存在该对象：\(value.prefix(80))。"))
        ])
    }

    private static func searchText(_ account: Account) -> String {
        SearchText.of(
            names: [account.name] + account.aliases, phones: [account.phone], others: [account.email, account.code])
    }
}

/// Decides over new accounts one after the other: each may be one of those before it.
private struct AccountDoor {
    let policy: DuplicatePolicy
    /// By their identity in another system.
    var known: [Account]
    var candidates: [Account]
    /// Computed once for each: keys of names are expensive, and every draft is compared with all of them.
    private var keys: [UUID: [MatchKey]]

    init(policy: DuplicatePolicy, known: [Account], candidates: [Account]) {
        (self.policy, self.known, self.candidates) = (policy, known, candidates)
        keys = Dictionary(candidates.map { ($0.id, $0.matchKeys) }) { first, _ in first }
    }

    mutating func decide(_ account: Account, _ context: WriteContext) -> Creation<Account> {
        if let same = known.first(knownAs: account) { return .unchanged(same) }
        let decision = DuplicateDecision.decide(
            account.matchKeys, candidates: candidates.map { ($0.id, keys[$0.id] ?? []) }, policy: policy,
            canLink: { id in account.externalID == nil || candidates.first { $0.id == id }?.externalID == nil })
        switch decision {
        case .create(let duplicates):
            remember(account)
            return .create(account, answer: ["duplicates": .array(duplicates.map(\.json))])
        case .block(let duplicate): return .refuse(duplicate.problem)
        case .link(let duplicate):
            guard let old = candidates.first(where: { $0.id == duplicate.id }) else {
                return .refuse(Problem(.conflict))
            }
            var new = old.completed(by: account)
            guard new != old else { return .unchanged(old) }
            let creation = Creation.change(from: old, to: new, answer: ["duplicates": [duplicate.json]])
            // As it will be written: another draft of this batch may build on it.
            (new.version, new.updatedAt) = (old.version + 1, context.now)
            remember(new)
            return creation
        }
    }

    private mutating func remember(_ account: Account) {
        candidates.removeAll { $0.id == account.id }
        candidates.append(account)
        keys[account.id] = account.matchKeys
        if account.externalID != nil { known.append(account) }
    }
}

extension Duplicate {
    var json: JSON { ["id": id.json, "score": score.json, "why": why.map { $0.why(language: "en") }.json] }

    /// 409, naming the one that is there.
    var problem: Problem {
        let text = LocalizedText(en: "This is there already: \(id.lowercased).", zh: "该对象已存在：\(id.lowercased)。")
        return Problem(.duplicate, text, extras: ["duplicates": [json]])
    }
}
