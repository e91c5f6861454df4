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
                changing: { modification, _, context in
                    let owners = try await find(matching: modification.new.matchKeys, tenant: context.tenant)
                    try modification.new.checkNames(against: owners)
                    return modification
                },
                columns: { [("match_keys", "\($0.matchKeys)")] }))
    }

    private func create(_ drafts: [Draft<Product>]) async throws -> [Creation<Product>] {
        guard let tenant = drafts.first?.context.tenant else { return [] }
        var owners = try await find(matching: drafts.flatMap(\.record.matchKeys), tenant: tenant)
        return drafts.map { draft in
            let product = draft.record
            if let same = owners.first(knownAs: product) { return .unchanged(same) }
            do {
                try product.checkNames(against: owners)
                owners.append(product)
                return .create(product)
            } catch {
                return .refuse(Problem(translating: error) ?? Problem(.ruleViolated))
            }
        }
    }

    /// The products that one of the keys means.
    func find(matching keys: [String], tenant: TenantID) async throws -> [Product] {
        guard !keys.isEmpty else { return [] }
        let table = resource.table
        let rows = try await environment.database.query(
            tenant,
            "\(table.select(SchemaName(tenant))) where match_keys && \(keys) and deleted_at is null")
        return try rows.map { try table.record($0) }
    }
}
