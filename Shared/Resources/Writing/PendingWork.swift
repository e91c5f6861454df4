import Postgres
import Tenancy
import Values

/// Which tenants have something that waits to be worked on (`shared.pending_work`, kept by triggers): a worker asks once
/// for all tenants instead of asking each of them.
public struct PendingWork: Sendable {
    private let database: TenantDatabase
    private let kind: String

    /// - Parameter kind: as the triggers call it: `imports`, `conversions`, `lifecycle`.
    public init(_ database: TenantDatabase, kind: String) {
        (self.database, self.kind) = (database, kind)
    }

    /// The tenants that may be served now, who has waited longest first, and when each last had something new.
    public func tenants() async throws -> [(tenant: Tenant, since: Timestamp)] {
        var found: [(tenant: Tenant, since: Timestamp)] = []
        for place in database.everywhere {
            do { found += try await tenants(of: place) } catch let error as PostgresError
                where !place.isHome && error.isUnavailable
            {
                // The tenants there wait until it is back; the others do not.
            }
        }
        return found
    }

    private func tenants(of database: TenantDatabase) async throws -> [(tenant: Tenant, since: Timestamp)] {
        let rows = try await database.database.flight(
            role: database.serviceRole,
            [
                """
                select tenant, max(since) as since from shared.pending_work where kind = \(kind)
                group by tenant order by min(since)
                """
            ], options: .read)[0]
        var found: [(tenant: Tenant, since: Timestamp)] = []
        for row in rows {
            guard let id = TenantID(try row.get("tenant", as: String.self)),
                let tenant = try? await database.directory.active(id)
            else { continue }
            found.append((tenant, try row.get("since")))
        }
        return found
    }

    /// Forgets what a tenant had until a moment, for kinds whose rows do not say themselves when they are done.
    public func forget(_ tenant: Tenant, until: Timestamp) async throws {
        try await database.on(tenant.server).database.query(
            "delete from shared.pending_work where kind = \(kind) and tenant = \(tenant.id.text) and since <= \(until)",
            role: database.serviceRole)
    }
}
