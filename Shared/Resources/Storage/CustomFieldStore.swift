import Entities
import JSON
import Postgres
import Tenancy
import Values

/// The tenants' own fields, kept in memory until they change.
public final class CustomFieldStore: Sendable {
    private let database: TenantDatabase
    private let kept: KeptRules<CustomFields>

    init(database: TenantDatabase, versions: RuleVersions) {
        self.database = database
        kept = KeptRules(versions)
    }

    public func fields(of entity: String, tenant: TenantID) async throws -> CustomFields {
        try await kept.value(of: tenant, entity) {
            let rows = try await database.query(
                tenant,
                """
                select definition from \(schema: tenant).custom_fields where entity = \(entity)
                order by position, name
                """)
            return try CustomFields(rows.map { try FieldDefinition(custom: try $0.get(0)) })
        }
    }
}
