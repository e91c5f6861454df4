import Entities
import Foundation
import JSON
import Postgres
import Synchronization
import Tenancy
import Values

/// The tenants' own fields, kept in memory for a second.
public final class CustomFieldStore: Sendable {
    private struct Key: Hashable {
        let tenant: TenantID
        let entity: String
    }

    private let database: TenantDatabase
    private let known = Mutex<[Key: (fields: CustomFields, until: ContinuousClock.Instant)]>([:])

    static let freshness = Duration.seconds(1)

    public init(database: TenantDatabase) { self.database = database }

    public func fields(of entity: String, tenant: TenantID) async throws -> CustomFields {
        let key = Key(tenant: tenant, entity: entity)
        if let (fields, until) = known.withLock({ $0[key] }), until > .now { return fields }
        let rows = try await database.query(
            tenant,
            """
            select definition from \(schema: tenant).custom_fields where entity = \(entity) order by position, name
            """)
        let fields = try CustomFields(rows.map { try FieldDefinition(custom: try $0.get(0)) })
        known.withLock { $0[key] = (fields, .now + Self.freshness) }
        return fields
    }

    /// Forgets what is known of a tenant's entity: after a change in this process.
    func forget(_ entity: String, tenant: TenantID) {
        known.withLock { $0[Key(tenant: tenant, entity: entity)] = nil }
    }
}
