import Entities
import Foundation
import HTTP
import Postgres
import Resources
import Tenancy
import Values

/// Products, found by name or alias.
struct Products: Sendable {
    let environment: ResourceEnvironment

    var resource: Resource<Product> {
        Resource(
            "products", environment: environment,
            rules: ResourceRules(
                creating: { try await create($0) },
                changing: { modification, _, context in try await checked(modification, context) },
                restoring: { modification, context in try await checked(modification, context) },
                columns: { [("match_keys", "\($0.matchKeys)")] }))
    }

    /// A name means one product, also when two get it at the same moment.
    private func checked(
        _ modification: Modification<Product>, _ context: WriteContext
    ) async throws -> Modification<Product> {
        let product = modification.new
        // One that keeps its names meets nobody new.
        guard product.matchKeys != modification.old.matchKeys || product.deletedAt != modification.old.deletedAt else {
            return modification
        }
        let owners = try await find(matching: product.matchKeys, tenant: context.tenant)
        try product.checkNames(against: owners)
        var result = modification
        let others: SQL = "\(Self.owners(of: product.matchKeys, context.tenant)) and id <> \(product.id)"
        result.statements += KeyLock("products", keys: product.matchKeys).guarding(found: [], matching: others)
        return result
    }

    private static func owners(of keys: [String], _ tenant: TenantID) -> SQL {
        "select id from \(schema: tenant).products where match_keys && \(keys) and deleted_at is null"
    }

    private func create(_ drafts: [Draft<Product>]) async throws -> [Creation<Product>] {
        guard let tenant = drafts.first?.context.tenant else { return [] }
        let keys = drafts.flatMap(\.record.matchKeys)
        let numbers = drafts.compactMap(\.record.externalID)
        let found = try await find(matching: keys, tenant: tenant)
        let told = numbers.isEmpty ? [] : try await find("external_id = any(\(numbers))", tenant)
        var owners = found
        let creations: [Creation<Product>] = drafts.map { draft in
            let product = draft.record
            if let same = told.first(knownAs: product) ?? owners.first(knownAs: product) { return .unchanged(same) }
            do {
                try product.checkNames(against: owners)
                owners.append(product)
                return .create(product)
            } catch {
                return .refuse(Problem(translating: error) ?? Problem(.ruleViolated))
            }
        }
        return creations.guarded(
            by: KeyLock("products", keys: keys).guarding(
                found: found.map(\.id), matching: Self.owners(of: keys, tenant)))
    }

    /// The products that one of the keys means.
    func find(matching keys: [String], tenant: TenantID) async throws -> [Product] {
        guard !keys.isEmpty else { return [] }
        return try await find("match_keys && \(keys) and deleted_at is null", tenant)
    }

    /// Those of some products that are there, deleted ones apart.
    func known(_ ids: some Collection<UUID>, tenant: TenantID) async throws -> Set<UUID> {
        guard !ids.isEmpty else { return [] }
        let rows = try await environment.database.query(
            tenant,
            "select id from \(schema: tenant).products where id = any(\(Array(Set(ids)))) and deleted_at is null")
        return Set(try rows.map { try $0.get(0) })
    }

    private func find(_ condition: SQL, _ tenant: TenantID) async throws -> [Product] {
        let table = resource.table
        let rows = try await environment.database.query(
            tenant, "\(table.select(SchemaName(tenant))) where \(condition)")
        return try rows.map { try table.record($0) }
    }
}
