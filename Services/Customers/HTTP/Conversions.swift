import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The steps of a lead's conversion that happen here. Each is named by the saga's id and may be repeated.
struct Conversions: Sendable {
    let accounts: Resource<Account>
    let contacts: Resource<Contact>

    private static let converting: Permission = "conversions.run"

    var endpoints: [Endpoint] {
        [
            step("account", accounts) { body, context in try await account(body, context) },
            step("contact", contacts) { body, _ in
                var contact = Contact(id: UUIDv7.make(), at: .now())
                contact.name = body["name"]?.string ?? ""
                return (contact, false)
            },
            compensation,
        ]
    }

    /// Answers what the step made or found: `{id, version, created}`.
    private func step<Record: Aggregate>(
        _ name: String, _ resource: Resource<Record>,
        find: @escaping @Sendable (JSON, WriteContext) async throws -> (record: Record, exists: Bool)
    ) -> Endpoint {
        Endpoint(
            .put, "/internal/conversions/{saga}/\(name)", id: "convert_\(name)", summary: "Step of a conversion.",
            permission: Self.converting, body: .json(Schema(inline: ["type": "object"])),
            responses: [ResponseSpec(200, "What the step made or found.")]
        ) { call in
            let saga = try call.id("saga")
            let body = try await call.json()
            let context = try call.writeContext().happened(at: body["occurredAt"]?.string.flatMap { Timestamp($0) })
            if let done = try await Self.done(saga, name, resource.environment, context.tenant) { return .json(done) }
            let (found, exists) = try await find(body, context)
            let record = exists ? found : try await Self.make(body, resource, context)
            let statement: SQL = """
                insert into \(schema: context.tenant).conversions (saga, step, object_id, created, version)
                values (\(saga), \(name), \(record.id), \(!exists), \(record.version)) on conflict do nothing
                """
            if exists {
                try await resource.environment.writer.commit(context.tenant, [statement])
            } else {
                try await Self.commit(record, statement, resource, context)
            }
            guard let answer = try await Self.done(saga, name, resource.environment, context.tenant) else {
                throw Problem(.conflict)
            }
            return .json(answer)
        }
    }

    private static func make<Record: Aggregate>(
        _ body: JSON, _ resource: Resource<Record>, _ context: WriteContext
    ) async throws -> Record {
        var members = body.object ?? [:]
        for name in ["occurredAt", "accountId_", "leadId"] { members[name] = nil }
        let draft = try resource.draft(.object(members), context, custom: .none)
        guard case .create(let record, _, _, _)? = try await resource.rules.creating([draft]).first else {
            throw Problem(.conflict)
        }
        return record
    }

    /// The record, its event and the step, once: a repeat finds the step's row taken and is rolled back.
    private static func commit<Record: Aggregate>(
        _ record: Record, _ statement: SQL, _ resource: Resource<Record>, _ context: WriteContext
    ) async throws {
        let insertion = resource.insertion(record, [statement], .created, context)
        try await resource.environment.writer.commit(context.tenant, insertion)
    }

    private static func done(
        _ saga: UUID, _ step: String, _ environment: ResourceEnvironment, _ tenant: TenantID
    ) async throws -> JSON? {
        let rows = try await environment.database.query(
            tenant,
            """
            select object_id, version, created from \(schema: tenant).conversions where saga = \(saga) and step = \(step)
            """)
        guard let row = rows.first else { return nil }
        return [
            "id": try row.get(0, as: UUID.self).json, "version": .int(try row.get(1)),
            "created": try row.get(2, as: Bool.self).json,
        ]
    }

    /// The account that a lead means: by id, by external id, or by a key of its name; else a new one.
    private func account(_ body: JSON, _ context: WriteContext) async throws -> (record: Account, exists: Bool) {
        let tenant = context.tenant
        if let system = body["externalSystem"]?.string, let id = body["externalId"]?.string,
            let found = try await accounts.find(externalSystem: system, id: id, tenant: tenant), found.deletedAt == nil
        {
            return (found, true)
        }
        var draft = Account(id: UUIDv7.make(), at: context.now)
        draft.name = body["name"]?.string ?? ""
        let rows = try await accounts.environment.database.query(
            tenant,
            """
            select id from \(schema: tenant).accounts
            where match_keys && \(draft.matchKeys) and deleted_at is null order by created_at limit 1
            """)
        guard let row = rows.first, let found = try await accounts.find(try row.get(0, as: UUID.self), tenant: tenant)
        else { return (draft, false) }
        return (found, true)
    }

    /// Takes back what the saga made and nobody touched since.
    private var compensation: Endpoint {
        Endpoint(
            .delete, "/internal/conversions/{saga}", id: "compensateConversion", summary: "Takes a conversion back.",
            permission: Self.converting, responses: [ResponseSpec(204, "It is as if nothing was made.")]
        ) { call in
            let saga = try call.id("saga")
            let context = try call.writeContext()
            let rows = try await accounts.environment.database.query(
                context.tenant,
                """
                select step, object_id, version from \(schema: context.tenant).conversions
                where saga = \(saga) and created
                """)
            for row in rows {
                let (id, version) = (try row.get(1, as: UUID.self), try row.get(2, as: Int64.self))
                if try row.get(0, as: String.self) == "account" {
                    try await archive(id, version, accounts, context)
                } else {
                    try await archive(id, version, contacts, context)
                }
            }
            return .noContent
        }
    }

    private func archive<Record: Aggregate>(
        _ id: UUID, _ version: Int64, _ resource: Resource<Record>, _ context: WriteContext
    ) async throws {
        guard let record = try await resource.find(id, tenant: context.tenant), record.deletedAt == nil,
            record.version == version
        else { return }
        _ = try await resource.delete(id.lowercased, context)
    }
}
