import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// What a converted lead means here: its account and its contact.
enum Conversions {
    static func steps(_ accounts: Resource<Account>, _ contacts: Resource<Contact>) -> SagaSteps {
        SagaSteps(accounts.environment)
            .step(
                "account", accounts, find: { try await account($0, $1, accounts) },
                complete: { $0.leadID = lead($1) }
            )
            .step("contact", contacts, complete: { $0.leadID = lead($1) })
    }

    private static func lead(_ body: JSON) -> UUID? { body["leadId"]?.string.flatMap { UUID(uuidString: $0) } }

    /// The account that a lead means: by id, by external id, or by a key of its name; nil makes a new one.
    private static func account(
        _ body: JSON, _ context: WriteContext, _ accounts: Resource<Account>
    ) async throws -> Account? {
        let tenant = context.tenant
        if let id = body["id"]?.string.flatMap({ UUID(uuidString: $0) }) {
            guard let found = try await accounts.find(id, tenant: tenant), found.deletedAt == nil else {
                throw Accounts.unknown("/account/id", id.lowercased)
            }
            return found
        }
        if let system = body["externalSystem"]?.string, let id = body["externalId"]?.string,
            let found = try await accounts.find(externalSystem: system, id: id, tenant: tenant), found.deletedAt == nil
        {
            return found
        }
        var named = Account(id: UUIDv7.make(), at: context.now)
        named.name = body["name"]?.string ?? ""
        let rows = try await accounts.environment.database.query(
            tenant,
            """
            select id from \(schema: tenant).accounts
            where match_keys && \(named.matchKeys) and deleted_at is null order by created_at limit 1
            """)
        guard let row = rows.first else { return nil }
        return try await accounts.find(try row.get(0, as: UUID.self), tenant: tenant)
    }
}
