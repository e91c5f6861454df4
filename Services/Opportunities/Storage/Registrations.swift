import Foundation
import Postgres
import Resources
import Tenancy
import Values

/// The registrations 报备 that may clash with each other: those for one customer.
struct Registrations: Sendable {
    let environment: ResourceEnvironment

    private static let table = Table<Opportunity>("opportunities")

    /// Others that are registered for the same customer.
    func beside(_ record: Opportunity, _ tenant: TenantID) async throws -> [Opportunity] {
        guard let account = record.accountID else { return [] }
        let rows = try await environment.database.query(
            tenant,
            "\(Self.table.select(SchemaName(tenant))) where \(Self.condition(account, record)) order by registered_at, id"
        )
        return try rows.map { try Self.table.record($0) }
    }

    /// Two registrations for one customer at once see each other: the second waits for the first, and is decided anew.
    ///
    /// - Parameter count: how many there were ``beside(_:_:)``.
    func once(_ record: Opportunity, beside count: Int, _ tenant: TenantID) -> [SQL] {
        guard let account = record.accountID else { return [] }
        return [
            "select shared.serialize_on(\("registration \(account.lowercased)"))",
            """
            select shared.require_rows((select count(*) from \(schema: tenant).opportunities
                where \(Self.condition(account, record))), \(Int64(count)))
            """,
        ]
    }

    private static func condition(_ account: UUID, _ record: Opportunity) -> SQL {
        """
        account_id = \(account) and id <> \(record.id) and deleted_at is null
        and registration in ('registered', 'disputed')
        """
    }

    /// A change of something by which a registration may meet another's (its customer, owner or products, or that it is
    /// open and there again): it stands as long as it clashes with nobody, else it is disputed.
    func kept(
        _ modification: Modification<Opportunity>, _ context: WriteContext
    ) async throws -> Modification<Opportunity> {
        let (old, new) = (modification.old, modification.new)
        guard new.isRegistered, new.status == .open, new.deletedAt == nil, !new.claimsTheSame(as: old) else {
            return modification
        }
        let today = context.now.date(in: try await environment.database.directory.active(context.tenant).zone)
        let others = try await beside(new, context.tenant)
        var result = modification
        if others.contains(where: { new.clashes(with: $0, on: today) }) { result.new.registration = .disputed }
        result.guards += once(new, beside: others.count, context.tenant)
        return result
    }
}
