import Contracts
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Runtime
import ServiceKit
import Tenancy
import Values

/// Makes, changes, suspends and deletes tenants, here and in every service.
///
/// The record says what shall be; telling the services may be repeated until it is so. Whatever was interrupted is
/// finished by ``settleRest()``, at start and every few seconds.
struct TenantLifecycle: Sendable {
    let store: TenantStore
    let provisioner: TenantProvisioner
    /// The services and their internal ports.
    let services: [(name: String, internalURL: String)]
    let client: HTTPClient
    let keys: SigningKeys
    let logger: Logger

    /// How long an interrupted change is left to whoever began it.
    static let patience = Duration.seconds(30)

    // MARK: - Making

    /// Makes a tenant in every service at once; if one cannot, it is removed from all.
    ///
    /// - Parameter server: where the services have its data; see ``TenantRecord/server``.
    func create(
        _ description: TenantDescription, on server: String, by actor: Principal
    ) async throws -> TenantRecord {
        let now = Timestamp.now().wholeMilliseconds
        let draft = TenantRecord(description, state: .provisioning, server: server, at: now)
        do { try await store.insert(draft) } catch let error as PostgresError
            where error.constraint == "tenant_records_slug_key"
        { throw TenancyError.slugTaken(description.slug) }
        do {
            try await tell(draft)
            var record = draft
            record.state = .active
            record.isSettled = true
            let event = record.event(
                TenantEvents.created, actor: actor.subject, traceparent: TraceContext.current?.traceparent)
            try await store.replace(draft, with: record, event: event)
            return record
        } catch {
            // Also when the client has left: its task is cancelled, the clean-up is not.
            await Task(executorPreference: EventLoop.current) { await undo(draft) }.value
            throw error
        }
    }

    private func undo(_ draft: TenantRecord) async {
        do {
            try await remove(draft)
        } catch { logger.warning("what was made of tenant \(draft.id) is removed later: \(error)") }
    }

    // MARK: - Changing

    /// Takes over a change of the description or the state, and tells every service.
    func change(
        _ key: String, by actor: Principal, ifMatch: VersionCondition? = nil,
        _ event: EventKind<TenantSnapshot, NoDetails>, _ body: (inout TenantRecord) throws -> Void
    ) async throws -> TenantRecord {
        let old = try await store.find(key)
        if let ifMatch, !ifMatch.admits(old.version) {
            throw Problem(.versionMismatch, extras: ["current": old.json])
        }
        guard old.state != .provisioning, old.state != .restoring else {
            throw Problem(.conflict, retryAfter: .seconds(1))
        }
        var new = old
        try body(&new)
        guard new != old else { return old }
        new.version += 1
        new.updatedAt = Timestamp.now().wholeMilliseconds
        new.isSettled = false
        let previous = old.json.object?.filter { $0.value != new.json[$0.name] && $0.name != "id" } ?? []
        let told = new.event(
            event, previous: JSONObject(previous.map { ($0.name, $0.value) }), actor: actor.subject,
            traceparent: TraceContext.current?.traceparent)
        do { try await store.replace(old, with: new, event: told) } catch let error as PostgresError
            where error.constraint == "tenant_records_slug_key"
        { throw TenancyError.slugTaken(new.description.slug) }
        do {
            if new.state == .deleting { try await remove(new) } else { try await settle(new.id) }
        } catch { logger.warning("tenant \(new.id) is brought up to date later: \(error)") }
        return new
    }

    /// Deletes a tenant; false when a service is away, and it is gone only when that is back.
    func delete(_ key: String, by actor: Principal) async throws -> Bool {
        let known = try await store.find(key)
        // Nobody was told of it yet.
        if known.state == .restoring {
            try await store.unlessRestored(known) {
                guard try await store.claimRemoval(of: known) else { throw Problem(.conflict, retryAfter: .seconds(1)) }
            }
            do { try await remove(known) } catch {
                logger.warning("what was made of tenant \(known.id) is removed later: \(error)")
            }
            return try await store.stored(known.id) == nil
        }
        let record = try await change(key, by: actor, TenantEvents.deleted) { $0.state = .deleting }
        return try await store.stored(record.id) == nil
    }

    // MARK: - Telling the services

    /// Tells everybody what the record says now. One at a time, of all gateways: the last word that a service hears is the
    /// last that was said.
    private func settle(_ id: TenantID) async throws {
        try await store.inTurn(id) {
            guard let record = try await store.stored(id), record.state == .active || record.state == .suspended else {
                return
            }
            try await tell(record)
            try await store.settle(record)
        }
    }

    /// Not while somebody tells the services of it, who would make it anew.
    private func remove(_ record: TenantRecord) async throws {
        try await store.inTurn(record.id) {
            try await everywhere(record.id, .delete) { try await provisioner.drop(record.id) }
            try await store.remove(record.id)
        }
    }

    private func tell(_ record: TenantRecord) async throws {
        let message = record.message
        try await everywhere(record.id, .put, message.json) { try await here(message) }
    }

    private func here(_ message: TenantMessage) async throws {
        let tenant = try await provisioner.provision(message.description)
        if tenant.definition != message.description { try await provisioner.update(message.description) }
        guard tenant.status != message.status else { return }
        if message.status == .suspended {
            try await provisioner.suspend(tenant.id)
        } else {
            try await provisioner.resume(tenant.id)
        }
    }

    /// Does something in this database and asks every service for the same, all at once.
    private func everywhere(
        _ id: TenantID, _ method: HTTPMethod, _ body: JSON? = nil,
        here local: @escaping @Sendable () async throws -> Void
    ) async throws {
        let minter = try keys.minter
        let principal = minter.servicePrincipal(for: nil, permissions: [TenantEndpoints.permission])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await local() }
            for (name, url) in services {
                let client = ServiceClient(baseURL: url, client: client, minter: minter)
                group.addTask {
                    let answer = try await client.send(
                        method, "/internal/tenants/\(id)", as: principal, body: body, deadline: .after(.seconds(15)))
                    guard answer.status.isSuccess else {
                        throw ServiceRefused(service: name, status: answer.status, answer: answer.json)
                    }
                }
            }
            // The others are waited for even when one fails: what they do must be over before it is undone.
            var failure: (any Error)?
            while let result = await group.nextResult() {
                if case .failure(let error) = result { failure = failure ?? error }
            }
            if let failure { throw failure }
        }
    }

    // MARK: - Finishing

    /// Finishes what was interrupted: tells those who have not been told, removes what was half made or half deleted.
    func settleRest() async throws {
        for record in try await store.unsettled(before: Timestamp.now() - Self.patience) {
            do {
                switch record.state {
                case .active, .suspended: try await settle(record.id)
                // Whoever makes it may still be at it, and finds that it is no longer his.
                case .provisioning: if try await store.claimRemoval(of: record) { try await remove(record) }
                case .deleting: try await remove(record)
                case .restoring: break
                }
            } catch { logger.warning("tenant \(record.id) is not settled yet: \(error)") }
        }
    }

    func run() async throws {
        while !Task.isCancelled {
            do { try await settleRest() } catch { logger.warning("unsettled tenants cannot be read: \(error)") }
            try await Task.sleep(for: .seconds(10))
        }
    }
}

/// A service that did not do what the gateway asked for a tenant.
struct ServiceRefused: Error, CustomStringConvertible {
    let service: String
    let status: HTTPStatus
    let answer: JSON

    var description: String { "\(service) answered \(status.code): \(answer["detail"]?.string ?? "no reason")" }

    var problem: Problem {
        Problem(
            .unavailable,
            .init(
                en: "The service \(service) could not take part; nothing was kept. Send again.",
                zh: "\(service) 服务未能完成操作，已全部撤销，请重试。"), retryAfter: .seconds(1))
    }
}
