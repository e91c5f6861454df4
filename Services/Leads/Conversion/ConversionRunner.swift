import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Runtime
import ServiceKit
import Synchronization
import Tenancy
import Values

/// Runs conversions: asks the services, stores each answer before the next step, goes on after a crash.
struct ConversionRunner: Component {
    let name = "conversions"
    let leads: Resource<Lead>
    let store: ConversionStore
    /// By step.
    let services: [ConversionSaga.Step: ServiceClient]
    let logger: Logger
    private let running = RunningConversions()

    init(leads: Resource<Lead>, services: [ConversionSaga.Step: ServiceClient], logger: Logger) {
        (self.leads, self.services, self.logger) = (leads, services, logger)
        store = ConversionStore(database: leads.environment.database)
    }

    /// Takes up conversions whose process is gone.
    func run() async throws {
        while !Task.isCancelled {
            for tenant in store.database.directory.all where tenant.status == .active {
                do {
                    // One try each: a service that is away for one must not keep the others waiting.
                    let begin = Timestamp.now()
                    while let conversion = try await store.take(tenant.id, at: begin) {
                        _ = try await advance(conversion, tenant.id, until: .after(.seconds(30)), isPatient: false)
                    }
                } catch let error where !(error is CancellationError) {
                    logger.warning("conversions of \(tenant.id) wait for the next round: \(error)")
                }
            }
            try await Task.sleep(for: .seconds(2))
        }
    }

    /// Takes a conversion as far as it goes; answers its state.
    ///
    /// - Parameter isPatient: whether to wait and try again where a service does not answer.
    func advance(
        _ conversion: StoredConversion, _ tenant: TenantID, until deadline: Deadline, isPatient: Bool = true
    ) async throws -> ConversionSaga {
        guard running.begin(conversion.saga.id) else { return conversion.saga }
        defer { running.end(conversion.saga.id) }
        var conversion = conversion
        while let action = conversion.saga.nextAction, !deadline.isPassed {
            let event = try await perform(action, conversion, tenant)
            conversion.saga = .evolve(conversion.saga, event)
            if case .closed = event { break }
            let now = Timestamp.now().wholeMilliseconds
            try await leads.environment.writer.commit(
                tenant, [store.update(conversion.saga, SchemaName(tenant), at: now)])
            guard case .delayed = event else { continue }
            guard isPatient else { break }
            try await Task.sleep(for: min(conversion.saga.pause, deadline.remaining))
        }
        return conversion.saga
    }

    private func perform(
        _ action: ConversionSaga.Action, _ conversion: StoredConversion, _ tenant: TenantID
    ) async throws -> ConversionSaga.Event {
        switch action {
        case .perform(let step, _): return try await ask(step, conversion, tenant)
        case .undo(let step, _, _): return try await undo(step, conversion, tenant)
        case .finish(let account, let contact, let opportunity):
            try await close(
                conversion,
                .finishConversion(
                    saga: conversion.saga.id, account: account, contact: contact, opportunity: opportunity),
                tenant)
            return .closed
        case .giveUp(let reason):
            try await close(conversion, .failConversion(saga: conversion.saga.id, reason: reason), tenant)
            return .closed
        }
    }

    // MARK: - The other services

    private func ask(
        _ step: ConversionSaga.Step, _ conversion: StoredConversion, _ tenant: TenantID
    ) async throws -> ConversionSaga.Event {
        guard let lead = try await leads.find(conversion.saga.leadID, tenant: tenant) else {
            return .refused(step, reason: "the lead is gone")
        }
        let body = ConversionBodies(lead: lead, conversion: conversion).body(of: step)
        do {
            guard let service = services[step] else { return .delayed }
            let answer = try await service.send(
                .put, "/internal/conversions/\(conversion.saga.id.lowercased)/\(step.rawValue)",
                as: principal(conversion, tenant, service), body: body, deadline: .after(.seconds(5)))
            if answer.status.isSuccess, let id = answer.json["id"]?.string.flatMap({ UUID(uuidString: $0) }) {
                return .done(
                    step,
                    .init(
                        id: id, isMade: answer.json["created"]?.bool ?? false,
                        version: answer.json["version"]?.int ?? 1))
            }
            // 401: the other side has not heard of this instance's key yet.
            guard answer.status.isClientError, ![401, 409, 429].contains(answer.status.code) else { return .delayed }
            return .refused(step, reason: Self.reason(answer.json))
        } catch let error where !(error is CancellationError) {
            logger.warning("conversion \(conversion.saga.id.lowercased): \(step.rawValue) is delayed: \(error)")
            return .delayed
        }
    }

    private func undo(
        _ step: ConversionSaga.Step, _ conversion: StoredConversion, _ tenant: TenantID
    ) async throws -> ConversionSaga.Event {
        do {
            guard let service = services[step] else { return .delayed }
            let answer = try await service.send(
                .delete, "/internal/conversions/\(conversion.saga.id.lowercased)",
                as: principal(conversion, tenant, service), deadline: .after(.seconds(5)))
            return answer.status.isSuccess ? .undid(step) : .delayed
        } catch let error where !(error is CancellationError) {
            return .delayed
        }
    }

    /// This service's own name: the person's is in the body, and what he may was checked here.
    private func principal(_ conversion: StoredConversion, _ tenant: TenantID, _ service: ServiceClient) -> Principal {
        Principal(
            tenant: tenant, subject: "leads", kind: .service, role: "service",
            permissions: ["conversions.run", "backdate"], visibility: .all)
    }

    private static func reason(_ problem: JSON) -> String {
        let details = (problem["errors"]?.array ?? []).compactMap { error in
            error["message"]?.string.map { "\(error["path"]?.string ?? ""): \($0)" }
        }
        return ([problem["detail"]?.string].compactMap(\.self) + details).joined(separator: " ")
    }

    // MARK: - The lead

    /// The lead's last change and the saga's end, in one transaction.
    private func close(_ conversion: StoredConversion, _ command: LeadCommand, _ tenant: TenantID) async throws {
        let context = try WriteContext(tenant: tenant, principal: conversion.principal)
            .happened(at: conversion.occurredAt)
        let closed = ConversionSaga.evolve(conversion.saga, .closed)
        _ = try await leads.change(conversion.saga.leadID.lowercased, context) { old in
            var modification = try LeadActs.modification(of: old, command, context)
            modification.statements.append(store.update(closed, SchemaName(tenant), at: context.now))
            return modification
        }
    }
}

/// Which conversions this process works on: one task each.
private final class RunningConversions: Sendable {
    private let ids = Mutex<Set<UUID>>([])

    func begin(_ id: UUID) -> Bool { ids.withLock { $0.insert(id).inserted } }
    func end(_ id: UUID) { _ = ids.withLock { $0.remove(id) } }
}

/// What each service is told: the request's wishes, filled up from the lead.
struct ConversionBodies: Sendable {
    let lead: Lead
    let conversion: StoredConversion

    func body(of step: ConversionSaga.Step) -> JSON {
        var body = conversion.request[step.rawValue]?.object ?? [:]
        func fill(_ name: String, _ value: JSON) {
            if body[name]?.isNull ?? true, !value.isNull { body[name] = value }
        }
        fill("ownerId", lead.ownerID.json)
        fill("teamId", lead.teamID.json)
        fill("leadId", lead.id.json)
        switch step {
        case .account:
            fill("name", (lead.company ?? lead.person ?? lead.phone ?? lead.email ?? lead.externalID).json)
            for (name, value) in [
                ("creditCode", lead.creditCode), ("region", lead.region), ("industry", lead.industry),
                ("phone", lead.phone), ("email", lead.email), ("source", lead.source),
            ] { fill(name, value.json) }
            fill("employees", lead.employees.json)
        case .contact:
            fill("name", (lead.person ?? lead.phone ?? lead.email).json)
            fill("title", lead.title.json)
            fill("phone", lead.phone.json)
            fill("email", lead.email.json)
            fill("accountId", conversion.saga.results[.account]?.id.json ?? .null)
        case .opportunity:
            fill("name", (lead.company ?? lead.person ?? lead.externalID).json)
            fill("source", lead.source.json)
            fill("amount", lead.amount.json)
            fill("businessLineId", lead.businessLineID.json)
            fill("accountId", conversion.saga.results[.account]?.id.json ?? .null)
            fill("contactId", conversion.saga.results[.contact]?.id.json ?? .null)
        }
        body["occurredAt"] = conversion.occurredAt.json
        return .object(body)
    }
}
