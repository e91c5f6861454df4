import Entities
import Foundation
import HTTP
import Postgres
import Resources
import Tenancy
import Text
import Values

/// The accounts and contacts of this service: what they need besides the usual.
enum Accounts {
    static func resource(_ environment: ResourceEnvironment) -> Resource<Account> {
        Resource(
            "accounts", environment: environment,
            ownership: Ownership(owner: { $0.ownerID }, team: { $0.teamID }),
            inputs: [FieldDefinition("parentExternalId", .string, zh: "上级客户外部编号", en: "Parent's external id")],
            rules: ResourceRules(
                creating: { try await create($0, environment) },
                changing: { modification, changes, context in
                    try await checkParent(modification, environment, context)
                    return modification
                },
                columns: { [("search", "\(searchText($0))"), ("match_keys", "\($0.matchKeys)")] }),
            searchColumn: "search", searchText: { foldedText($0) })
    }

    private static func create(
        _ drafts: [Draft<Account>], _ environment: ResourceEnvironment
    ) async throws -> [Creation<Account>] {
        guard let first = drafts.first else { return [] }
        let tenant = first.context.tenant
        let schema = SchemaName(tenant)
        let external = drafts.compactMap { draft in draft.record.externalID }
        let parents = drafts.compactMap { $0.inputs.value("parentExternalId", as: String.self) }
        let results = try await environment.database.flight(
            tenant,
            [
                """
                select nextval(\("\(tenant.schema).account_code")::text::regclass) from generate_series(1, \(drafts.count))
                """,
                "\(Table<Account>("accounts").select(schema)) where external_id = any(\(external))",
                "select external_system, external_id, id from \(schema).accounts where external_id = any(\(parents))",
                "select id from \(schema).accounts where id = any(\(drafts.compactMap(\.record.parentID)))",
            ])
        let table = Table<Account>("accounts")
        let known = try results[1].map { try table.record($0) }
        let parentIDs = Set(try results[3].map { try $0.get(0, as: UUID.self) })
        return try zip(drafts, results[0]).map { draft, row in
            var account = draft.record
            if let existing = known.first(where: {
                $0.externalID == account.externalID && $0.externalSystem == account.externalSystem
            }), account.externalID != nil {
                return .unchanged(existing)
            }
            if let parent = account.parentID, !parentIDs.contains(parent) {
                return .refuse(unknown("/parentId", parent.lowercased))
            }
            if let parent = draft.inputs.value("parentExternalId", as: String.self) {
                let found = try results[2].first {
                    try $0.get(1, as: String.self) == parent
                        && $0.get(0, as: String?.self) == account.externalSystem
                }
                guard let found else { return .refuse(unknown("/parentExternalId", parent)) }
                account.parentID = try found.get(2)
            }
            account.code =
                ReadableCode(
                    prefix: Account.codePrefix, year: draft.context.now.date(in: .gmt).year,
                    number: try row.get(0, as: Int64.self)
                ).description
            account.ownerID = account.ownerID ?? draft.context.userID
            return .create(account)
        }
    }

    private static func checkParent(
        _ modification: Modification<Account>, _ environment: ResourceEnvironment, _ context: WriteContext
    ) async throws {
        guard let parent = modification.new.parentID, parent != modification.old.parentID else { return }
        let rows = try await environment.database.query(
            context.tenant,
            """
            with recursive above as (
                select id, parent_id, 1 as level from \(schema: context.tenant).accounts where id = \(parent)
                union all
                select a.id, a.parent_id, level + 1 from \(schema: context.tenant).accounts a
                join above on a.id = above.parent_id where level < 50)
            select id from above order by level
            """)
        guard !rows.isEmpty else { throw unknown("/parentId", parent.lowercased) }
        try Hierarchy.checkParent(of: modification.new.id, ancestors: try rows.map { try $0.get(0) })
    }

    static func unknown(_ path: String, _ value: String) -> Problem {
        .validation([
            FieldError(
                path, code: "unknownReference",
                .init(en: "There is no such object: \(value.prefix(80)).", zh: "不存在该对象：\(value.prefix(80))。"))
        ])
    }

    private static func searchText(_ account: Account) -> String {
        let names = [account.name] + account.aliases
        let parts =
            names + names.map { Pinyin.searchText($0) }
            + [account.phone, account.email, account.code].compactMap(\.self)
        return foldedText(parts.joined(separator: " "))
    }
}

/// The people at accounts.
enum Contacts {
    static func resource(_ environment: ResourceEnvironment) -> Resource<Contact> {
        Resource(
            "contacts", environment: environment,
            ownership: Ownership(owner: { $0.ownerID }, team: { $0.teamID }),
            rules: ResourceRules(
                creating: { drafts in
                    drafts.map { draft in
                        var contact = draft.record
                        contact.ownerID = contact.ownerID ?? draft.context.userID
                        return .create(contact)
                    }
                },
                columns: { contact in
                    let parts = [contact.name, Pinyin.searchText(contact.name), contact.phone, contact.email]
                        .compactMap(\.self)
                    return [("search", "\(foldedText(parts.joined(separator: " ")))")]
                }),
            searchColumn: "search", searchText: { foldedText($0) })
    }
}
