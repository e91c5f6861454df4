import Foundation
import HTTP
import JSON
import Postgres
import ServiceKit
import Tenancy
import Values

/// What a service that has teams, business lines or products tells those that keep copies of them, on the internal port:
/// what was there before their release kept it, and the event log may have forgotten. See ``CopyFilling``.
public struct CopySource: Sendable {
    /// What the caller's token must allow.
    static let permission: Permission = "copies.fill"
    private static let page = 500

    private let database: TenantDatabase
    private let parts: [DirectoryCopy.Part]

    public init(_ environment: ResourceEnvironment, _ parts: [DirectoryCopy.Part]) {
        (database, self.parts) = (environment.database, parts)
    }

    static func path(_ part: DirectoryCopy.Part) -> String { "/internal/copies/\(part.table)" }

    public var endpoints: [Endpoint] {
        parts.map { part in
            Endpoint(
                .get, Self.path(part), id: "copy_\(part.table)", summary: "All of a tenant's, deleted ones too.",
                permission: Self.permission,
                parameters: [.query("after", "The last id of the page before.", schema: .uuidSchema)],
                responses: [ResponseSpec(200, "A page by id; an empty one is the end.")]
            ) { call in
                let after = try call.query.uuid("after") ?? UUID(high: 0, low: 0)
                return .json(["items": .array(try await items(part, after: after, try call.tenant))])
            }
        }
    }

    private func items(_ part: DirectoryCopy.Part, after: UUID, _ tenant: TenantID) async throws -> [JSON] {
        let parent: SQL = part == .teams ? "parent_id" : "null::uuid"
        let rows = try await database.query(
            tenant,
            """
            select jsonb_build_object('id', id, 'name', name, 'parentId', \(parent), 'active', deleted_at is null)
            from \(schema: tenant).\(ident: part.table) where id > \(after) order by id limit \(Self.page)
            """)
        return try rows.map { try $0.get(0) }
    }
}
