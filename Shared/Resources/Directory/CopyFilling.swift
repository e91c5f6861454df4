import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import ServiceKit
import Tenancy
import Values

/// Fills a service's copies with what was there before it kept them, asked of the service that has it.
///
/// A tenant that a migration gave the tables is noted in `shared.pending_work`, a new one too. What events have told
/// meanwhile stands; what they tell of again later is told in order to the end. Done, the tenant's `filled_copies` says so:
/// from then on a name that the copy does not know is nobody's.
struct CopyFilling: Component {
    typealias Ask = @Sendable (DirectoryCopy.Part, TenantID, _ after: UUID?) async throws -> [JSON]

    let name = "copies"
    let database: TenantDatabase
    let parts: [DirectoryCopy.Part]
    let logger: Logger
    let ask: Ask

    func run() async throws {
        while !Task.isCancelled {
            let isWhole = await round()
            // The release before answers nothing: an upgrade takes some time.
            try await Task.sleep(for: isWhole ? .seconds(2) : .seconds(10))
        }
    }

    /// Fills what waits; answers whether nothing is left.
    func round() async -> Bool {
        let pending = PendingWork(database, kind: "copies")
        var failure: (any Error)?
        do {
            for (tenant, since) in try await pending.tenants() {
                do {
                    for part in parts { try await fill(part, tenant) }
                    try await pending.forget(tenant, until: since)
                } catch {
                    failure = error
                }
            }
        } catch {
            failure = error
        }
        guard let failure else { return true }
        if !(failure is CancellationError) {
            logger.warning("copies of teams, business lines or products wait for the next round: \(failure)")
        }
        return false
    }

    private func fill(_ part: DirectoryCopy.Part, _ tenant: Tenant) async throws {
        var last: UUID?
        while true {
            let items = try await ask(part, tenant.id, last)
            guard let next = items.last?["id"]?.string.flatMap({ UUID($0) }) else { break }
            try await write(tenant.id, Self.keep(items, part, tenant.schema))
            last = next
        }
        try await write(
            tenant.id,
            "insert into \(tenant.schema).filled_copies (part) values (\(part.rawValue)) on conflict do nothing")
    }

    private func write(_ tenant: TenantID, _ statement: SQL) async throws {
        _ = try await database.flight(tenant, [statement], options: .write)
    }

    private static func keep(_ items: [JSON], _ part: DirectoryCopy.Part, _ schema: SchemaName) -> SQL {
        let more: (names: SQL, values: SQL) = part == .teams ? (", parent_id", ", \"parentId\"") : ("", "")
        return """
            insert into \(schema).\(ident: part.table) (id, name, active\(more.names))
            select id, name, active\(more.values)
            from jsonb_to_recordset(\(JSON.array(items))) as item(id uuid, name text, active boolean, "parentId" uuid)
            on conflict (id) do nothing
            """
    }

    /// Asks in the name of `service`.
    static func asking(_ service: String, _ clients: [DirectoryCopy.Part: ServiceClient]) -> Ask {
        { part, tenant, after in
            let principal = Principal(
                tenant: tenant, subject: service, kind: .service, role: "service",
                permissions: [CopySource.permission], visibility: .all)
            let path = CopySource.path(part) + (after.map { "?after=\($0.lowercased)" } ?? "")
            guard let answer = try await clients[part]?.send(.get, path, as: principal) else { return [] }
            guard answer.status.isSuccess, let items = answer.json["items"]?.array else {
                throw NoCopy(description: "\(part.owner.rawValue) answers \(answer.status.code) to GET \(path)")
            }
            return items
        }
    }
}

/// The service that has it does not tell.
private struct NoCopy: Error, CustomStringConvertible {
    let description: String
}
