import Entities
import Foundation
import HTTP
import Postgres
import Resources
import Tenancy
import Values

/// Accounts above accounts: chains and their outlets.
struct AccountTree: Sendable {
    let environment: ResourceEnvironment

    /// The parents that drafts name.
    struct Parents: Sendable {
        fileprivate var byName: [ExternalKey: UUID] = [:]
        /// How many stand above each, itself included.
        fileprivate var depths: [UUID: Int] = [:]

        /// - Throws: when there is no such parent, or too many stand above it.
        func parent(of draft: Draft<Account>) throws -> UUID? {
            var parent = draft.record.parentID
            var path = "/parentId"
            if let name = draft.inputs.value("parentExternalId", as: String.self) {
                let system = draft.inputs.value("parentExternalSystem", as: String.self) ?? draft.record.externalSystem
                guard let found = byName[ExternalKey(system: system, id: name)] else {
                    throw Problem.unknownReference("/parentExternalId", name)
                }
                (parent, path) = (found, "/parentExternalId")
            }
            guard let parent else { return nil }
            guard let depth = depths[parent] else { throw Problem.unknownReference(path, parent.lowercased) }
            try Hierarchy.checkDepth(depth)
            return parent
        }
    }

    func parents(of drafts: [Draft<Account>], _ tenant: TenantID) async throws -> Parents {
        let names = drafts.compactMap { $0.inputs.value("parentExternalId", as: String.self) }
        let ids = drafts.compactMap(\.record.parentID)
        var parents = Parents()
        guard !names.isEmpty || !ids.isEmpty else { return parents }
        let rows = try await environment.database.query(
            tenant,
            """
            with recursive named as (
                select id, external_system, external_id, parent_id from \(schema: tenant).accounts
                where (id = any(\(ids)) or external_id = any(\(names))) and deleted_at is null),
            above as (
                select id as root, parent_id, 1 as level from named
                union all
                select above.root, a.parent_id, level + 1 from above
                join \(schema: tenant).accounts a on a.id = above.parent_id where level < 50)
            select named.id, external_system, external_id, max(level)::bigint from named join above on root = named.id
            group by 1, 2, 3
            """)
        for row in rows {
            let id: UUID = try row.get(0)
            if let number = try row.get(2, as: String?.self) {
                parents.byName[ExternalKey(system: try row.get(1), id: number)] = id
            }
            parents.depths[id] = Int(try row.get(3, as: Int64.self))
        }
        return parents
    }

    /// A change of the parent, checked; two changes at once that would close a circle together are one after the other.
    func checked(_ modification: Modification<Account>, _ context: WriteContext) async throws -> Modification<Account> {
        let id = modification.new.id
        guard let parent = modification.new.parentID, parent != modification.old.parentID else { return modification }
        let schema = SchemaName(context.tenant)
        let rows = try await environment.database.query(
            context.tenant,
            """
            with recursive above as (
                select id, parent_id, 1 as level from \(schema).accounts where id = \(parent) and deleted_at is null
                union all
                select a.id, a.parent_id, level + 1 from \(schema).accounts a
                join above on a.id = above.parent_id where level < 50)
            select id from above order by level
            """)
        guard !rows.isEmpty else { throw Problem.unknownReference("/parentId", parent.lowercased) }
        try Hierarchy.checkParent(of: id, ancestors: try rows.map { try $0.get(0) })
        var modification = modification
        modification.statements += [
            "select shared.take_turn('accounts.tree', array['tree'])",
            """
            with recursive above as (
                select parent_id from \(schema).accounts where id = \(id)
                union select a.parent_id from \(schema).accounts a join above on a.id = above.parent_id)
            select shared.require_rows((select count(*) from above where parent_id = \(id)), 0)
            """,
        ]
        return modification
    }
}
