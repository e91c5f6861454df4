import Entities
import Foundation
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
            try CustomFields(await definitions(of: entity, tenant).map { try FieldDefinition(custom: $0) })
        }
    }

    /// As they were sent, in the order in which they were defined.
    func definitions(of entity: String, _ tenant: TenantID) async throws -> [JSON] {
        let rows = try await database.query(
            tenant,
            """
            select definition from \(schema: tenant).custom_fields where entity = \(entity) order by position, name
            """)
        return try rows.map { try $0.get(0) }
    }

    static func put(_ definition: JSON, of entity: String, in schema: SchemaName) -> SQL {
        """
        insert into \(schema).custom_fields (entity, name, position, definition, created_at)
        select \(entity), \(definition["name"]?.string ?? ""), coalesce(max(position), 0) + 1, \(definition), now()
        from \(schema).custom_fields where entity = \(entity)
        on conflict (entity, name) do update set definition = excluded.definition
        """
    }

    static func delete(_ name: String, of entity: String, in schema: SchemaName) -> SQL {
        "delete from \(schema).custom_fields where entity = \(entity) and name = \(name)"
    }
}
