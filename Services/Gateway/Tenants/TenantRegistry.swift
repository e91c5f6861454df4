import Contracts
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Runtime
import ServiceKit
import Tenancy
import Values

/// Every tenant of the installation: what it shall be, and the work of making all services agree.
struct TenantRegistry: Sendable {
    let database: TenantDatabase
    let provisioner: TenantProvisioner
    let client: HTTPClient
    let internalURLs: [String: String]
    let keys: SigningKeys
    let committed: @Sendable () -> Void

    struct Record: Sendable {
        var description: TenantDescription
        var state: String
        var version: Int64
        let createdAt: Timestamp
        var updatedAt: Timestamp

        var json: JSON {
            [
                "id": description.id.json, "version": .int(version), "createdAt": createdAt.json,
                "updatedAt": updatedAt.json, "slug": description.slug.json, "name": description.name.json,
                "timeZone": description.timeZone.json, "currency": description.currency.json,
                "industry": description.industry.json, "status": state.json,
            ]
        }
    }

    private static let columns: SQL =
        "id, slug, name, time_zone, currency, industry, settings, state, version, created_at, updated_at"

    // MARK: - Reading

    func list() async throws -> [Record] {
        try await query("select \(Self.columns) from shared.tenant_records where state <> 'deleting' order by slug")
    }

    /// By id or slug.
    /// - Throws: 404 when there is none.
    func find(_ key: String) async throws -> Record {
        let found = try await query(
            "select \(Self.columns) from shared.tenant_records where (id = \(key) or slug = \(key)) and state <> 'deleting'"
        )
        guard let record = found.first else { throw Problem(.notFound) }
        return record
    }

    private func query(_ sql: SQL) async throws -> [Record] {
        try await database.database.query(sql, role: database.serviceRole).map { row in
            guard let id = TenantID(try row.get(0, as: String.self)) else { throw Problem(.internalError) }
            return Record(
                description: TenantDescription(
                    id: id, slug: try row.get(1), name: try row.get(2), timeZone: try row.get(3),
                    currency: try row.get(4), industry: try row.get(5), settings: try row.get(6)),
                state: try row.get(7), version: try row.get(8), createdAt: try row.get(9), updatedAt: try row.get(10))
        }
    }

    // MARK: - Writing

    /// Makes a tenant in every service, all at once. A failure leaves it `provisioning`; creating it again goes on.
    func create(_ description: TenantDescription, by actor: Principal) async throws -> Record {
        let now = Timestamp.now().wholeMilliseconds
        let record = Record(description: description, state: "active", version: 1, createdAt: now, updatedAt: now)
        do {
            try await database.database.query(
                """
                insert into shared.tenant_records
                    (id, slug, name, time_zone, currency, industry, settings, state, is_settled, version, created_at, updated_at)
                values (\(description.id.text), \(description.slug), \(description.name), \(description.timeZone),
                    \(description.currency), \(description.industry), \(description.settings), 'provisioning', false,
                    1, \(now), \(now))
                """, role: database.serviceRole)
        } catch let error as PostgresError where error.sqlState == WriteState.uniqueViolation {
            throw TenancyError.slugTaken(description.slug)
        }
        do {
            try await tellServices(record, .active)
        } catch {
            // Nothing half-made stays under the name: the next attempt begins anew.
            try? await forget(description.id)
            throw error
        }
        try await settle(record, event: "created", actor)
        return record
    }

    /// Suspends or resumes a tenant everywhere.
    func set(_ status: Tenant.Status, of key: String, by actor: Principal) async throws -> Record {
        var record = try await find(key)
        if record.state == status.rawValue { return record }
        record.state = status.rawValue
        record.version += 1
        record.updatedAt = Timestamp.now().wholeMilliseconds
        try await tellServices(record, status)
        try await settle(record, event: status == .active ? "resumed" : "suspended", actor)
        return record
    }

    /// Removes a tenant with all its data from every service.
    func delete(_ key: String, by actor: Principal) async throws {
        let record = try await find(key)
        try await forget(record.description.id)
    }

    private func forget(_ id: TenantID) async throws {
        try await database.database.query(
            "update shared.tenant_records set state = 'deleting' where id = \(id.text)", role: database.serviceRole)
        try await eachService { name, url in
            let answer = try await send(.delete, url + "/internal/tenants/\(id.text)", body: nil)
            guard answer.isSuccess || answer == .notFound else { throw ServiceRefused(service: name, status: answer) }
        }
        try await provisioner.drop(id)
        try await database.database.query(
            "delete from shared.tenant_records where id = \(id.text)", role: database.serviceRole)
    }

    /// What was decided, and its event, once every service has agreed.
    private func settle(_ record: Record, event: String, _ actor: Principal) async throws {
        var statements: [SQL] = [
            """
            update shared.tenant_records set state = \(record.state), is_settled = true, version = \(record.version),
                updated_at = \(record.updatedAt) where id = \(record.description.id.text)
            """
        ]
        let type = "tenant.\(event)"
        if let definition = EventCatalogue[type: type] {
            let id = record.description.id
            statements.append(
                Outbox.insertNamingTenants([
                    CloudEvent(
                        id: UUIDv7.make(), source: "/gateway", type: type, aggregateType: "tenant",
                        aggregateID: id.text, time: record.updatedAt, tenant: id, sequence: record.version,
                        traceparent: TraceContext.current?.traceparent, actor: actor.subject,
                        data: definition.data(of: record.json))
                ]))
        }
        _ = try await database.database.flight(role: database.serviceRole, statements)
        committed()
    }

    private func tellServices(_ record: Record, _ status: Tenant.Status) async throws {
        let body = TenantMessage(record.description, status: status).json
        let id = record.description.id
        async let own: Void = tellOwn(record, status)
        try await eachService { name, url in
            let answer = try await send(.put, url + "/internal/tenants/\(id.text)", body: body)
            guard answer.isSuccess else { throw ServiceRefused(service: name, status: answer) }
        }
        try await own
    }

    private func tellOwn(_ record: Record, _ status: Tenant.Status) async throws {
        let id = record.description.id
        try await provisioner.provision(record.description)
        switch status {
        case .active: try await provisioner.resume(id)
        case .suspended: try await provisioner.suspend(id)
        }
        try await database.directory.refresh()
    }

    private func eachService(_ body: @escaping @Sendable (String, String) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (name, url) in internalURLs { group.addTask { try await body(name, url) } }
            try await group.waitForAll()
        }
    }

    private func send(_ method: HTTPMethod, _ url: String, body: JSON?) async throws -> HTTPStatus {
        let principal = Principal(
            tenant: nil, subject: AccessToken.issuer, kind: .service, role: "service",
            permissions: [TenantEndpoints.permission], visibility: .all)
        var headers: HTTPHeaders = [IdentityToken.header: try keys.minter.token(for: principal)]
        if body != nil { headers["Content-Type"] = "application/json" }
        ServiceClient.propagate(into: &headers)
        let answer = try await client.send(
            ClientRequest(
                method, url, headers: headers, body: body.map { .bytes($0.serialize()) } ?? .none,
                deadline: .after(.seconds(20))))
        _ = try await answer.bytes(upTo: 1 << 20)
        return answer.status
    }
}

/// A service that did not do its part for a tenant.
struct ServiceRefused: Error, CustomStringConvertible {
    let service: String
    let status: HTTPStatus
    var description: String { "The \(service) service answered \(status.code)." }
}
