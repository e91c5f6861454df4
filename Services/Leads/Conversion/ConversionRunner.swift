import Contracts
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

    /// Takes up conversions whose process is gone, or which wait for a service.
    func run() async throws {
        let pending = PendingWork(store.database, kind: "conversions")
        while !Task.isCancelled {
            do {
                for (tenant, _) in try await pending.tenants() { try await look(at: tenant.id) }
            } catch let error where !(error is CancellationError) {
                logger.warning("conversions wait for the next round: \(error)")
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func look(at tenant: TenantID) async throws {
        do {
            try await pass(tenant)
        } catch let error where !(error is CancellationError) {
            logger.warning("conversions of \(tenant) wait for the next round: \(error)")
        }
    }

    /// So many conversions of a tenant are taken up at a time: a service that does not answer holds up few.
    private static let width = 8

    /// Takes each conversion that is due as far as it goes without waiting. One that cannot go on for a reason that no
    /// service gave (its lead is gone, the database is away) holds up no other.
    ///
    /// - Parameter idle: so long nobody may have worked on it.
    func pass(_ tenant: TenantID, now: Timestamp = .now(), idle: Duration = .seconds(5)) async throws {
        var due = try await store.due(tenant, at: now, idle: idle)[...]
        try await withThrowingTaskGroup(of: Void.self) { group in
            func startNext() {
                guard let conversion = due.popFirst() else { return }
                group.addTask { try await takeUp(conversion, tenant) }
            }
            for _ in 0..<Self.width { startNext() }
            while try await group.next() != nil { startNext() }
        }
    }

    private func takeUp(_ conversion: StoredConversion, _ tenant: TenantID) async throws {
        let id = conversion.saga.id
        do {
            _ = try await advance(conversion, tenant, until: nil)
        } catch {
            try Task.checkCancellation()
            logger.warning("conversion \(id.lowercased) waits for another round: \(error)")
            do { try await rest(id, tenant) } catch { try Task.checkCancellation() }
        }
    }

    /// Notes a round in vain: the more of them, the longer a conversion rests, so that others have their turn. Nothing is
    /// lost when that cannot be noted: it is taken up again all the same.
    private func rest(_ id: UUID, _ tenant: TenantID) async throws {
        guard let stored = try await store.find(id, tenant), stored.saga.nextAction != nil else { return }
        let rested = ConversionSaga.evolve(stored.saga, .delayed)
        let now = Timestamp.now().wholeMilliseconds
        try await leads.environment.writer.commit(
            tenant, [store.update(rested, from: stored.revision, SchemaName(tenant), at: now)])
    }

    /// Takes a conversion as far as it goes.
    ///
    /// - Parameter deadline: until then it waits for a service that is away; nil = it does not wait.
    /// - Returns: the state it left, or that somebody else has it.
    func advance(
        _ conversion: StoredConversion, _ tenant: TenantID, until deadline: Deadline?
    ) async throws -> Progress {
        guard running.begin(conversion.saga.id) else { return .elsewhere }
        defer { running.end(conversion.saga.id) }
        var conversion = conversion
        while let action = conversion.saga.nextAction, !(deadline?.isPassed ?? false) {
            do {
                let event = try await perform(action, conversion, tenant, until: deadline)
                conversion.saga = .evolve(conversion.saga, event)
                if case .closed = event { break }
                let now = Timestamp.now().wholeMilliseconds
                try await leads.environment.writer.commit(
                    tenant, [store.update(conversion.saga, from: conversion.revision, SchemaName(tenant), at: now)])
                conversion.revision += 1
                guard case .delayed = event else { continue }
            } catch let error as PostgresError where error.sqlState == WriteState.stale {
                return .elsewhere
            } catch is ConversionTaken {
                return .elsewhere
            }
            guard let deadline else { break }
            try await Task.sleep(for: min(conversion.saga.pause, deadline.remaining))
        }
        return .left(conversion.saga)
    }

    /// What became of an attempt to take a conversion on.
    enum Progress: Sendable {
        case left(ConversionSaga)
        /// Another task or process works on it.
        case elsewhere
    }

    private func perform(
        _ action: ConversionSaga.Action, _ conversion: StoredConversion, _ tenant: TenantID, until deadline: Deadline?
    ) async throws -> ConversionSaga.Event {
        switch action {
        case .perform(let step): return try await ask(step, conversion, tenant, until: deadline)
        case .undo(let step): return try await undo(step, conversion, tenant)
        case .finish(let account, let contact, let opportunity):
            try await close(
                conversion,
                .finishConversion(
                    saga: conversion.saga.id, account: account, contact: contact, opportunity: opportunity),
                tenant)
            return .closed
        case .giveUp(let refusal):
            try await close(conversion, .failConversion(saga: conversion.saga.id, refusal), tenant)
            return .closed
        }
    }

    // MARK: - The other services

    private func ask(
        _ step: ConversionSaga.Step, _ conversion: StoredConversion, _ tenant: TenantID, until deadline: Deadline?
    ) async throws -> ConversionSaga.Event {
        guard let lead = try await leads.find(conversion.saga.leadID, tenant: tenant) else {
            return .refused(step, ConversionRefusal(code: "leadGone", en: "The lead is gone.", zh: "线索已不存在。"))
        }
        let body = ConversionBodies(lead: lead, conversion: conversion).body(of: step)
        do {
            guard let service = services[step] else { return .delayed }
            let answer = try await service.send(
                .put, "/internal/conversions/\(conversion.saga.id.lowercased)/\(step.rawValue)",
                as: Self.service(tenant), body: body,
                deadline: .after(min(.seconds(5), deadline?.remaining ?? .seconds(5))))
            if answer.status.isSuccess, let id = answer.json["id"]?.string.flatMap({ UUID($0) }) {
                return .done(
                    step,
                    .init(
                        id: id, isMade: answer.json["created"]?.bool ?? false,
                        version: answer.json["version"]?.int ?? 1))
            }
            return Self.isRefusal(answer) ? .refused(step, ConversionRefusal(answer.json, of: step)) : .delayed
        } catch let error where !(error is CancellationError) {
            logger.warning("conversion \(conversion.saga.id.lowercased): \(step.rawValue) is delayed: \(error)")
            return .delayed
        }
    }

    /// Whether asking again would be answered the same: what was asked for is wrong, or there already.
    private static func isRefusal(_ answer: ServiceClient.Answer) -> Bool {
        switch answer.status.code {
        case 400, 413, 415, 422: true
        case 409: answer.json["code"]?.string == ProblemType.duplicate.code
        default: false
        }
    }

    private func undo(
        _ step: ConversionSaga.Step, _ conversion: StoredConversion, _ tenant: TenantID
    ) async throws -> ConversionSaga.Event {
        do {
            guard let service = services[step] else { return .delayed }
            let answer = try await service.send(
                .delete, "/internal/conversions/\(conversion.saga.id.lowercased)",
                as: Self.service(tenant), deadline: .after(.seconds(5)))
            return answer.status.isSuccess ? .undid(step) : .delayed
        } catch let error where !(error is CancellationError) {
            return .delayed
        }
    }

    /// This service in its own name: what the person may was checked here.
    private static func service(_ tenant: TenantID) -> Principal {
        Principal(
            tenant: tenant, subject: "leads", kind: .service, role: "service",
            permissions: ["conversions.run", "backdate"], visibility: .all)
    }

    // MARK: - The lead

    /// The lead's last change and the saga's end, in one transaction.
    private func close(_ conversion: StoredConversion, _ command: LeadCommand, _ tenant: TenantID) async throws {
        let context = WriteContext(tenant: tenant, principal: conversion.principal)
            .begun(at: conversion.occurredAt)
        let closed = ConversionSaga.evolve(conversion.saga, .closed)
        _ = try await leads.change(conversion.saga.leadID.lowercased, context) { old in
            guard try await store.find(closed.id, tenant)?.revision == conversion.revision else {
                throw ConversionTaken()
            }
            var modification = try LeadActs.modification(of: old, command, context)
            modification.statements.append(
                store.update(closed, from: conversion.revision, SchemaName(tenant), at: context.now))
            return modification
        }
    }
}

extension ConversionRefusal {
    /// What the problem of a step says. Its paths become those of the body of the conversion, so that a form finds the
    /// member to mark. A service of an older release explains itself in one language alone.
    init(_ problem: JSON, of step: ConversionSaga.Step) {
        if let told = problem["refusal"], let refusal = try? ConversionRefusal(json: told) {
            self = refusal
        } else {
            let fields = (problem["errors"]?.array ?? []).map { error in
                var field = ConversionFieldError()
                (field.path, field.code) = (error["path"]?.string ?? "", error["code"]?.string ?? "")
                field.en = error["message"]?.string ?? ""
                field.zh = field.en
                return field
            }
            let messages = fields.map(\.en).joined(separator: " ")
            let text = messages.isEmpty ? problem["detail"]?.string : messages
            self.init(
                code: problem["code"]?.string ?? "refused", en: text ?? Self.unexplained.en,
                zh: text ?? Self.unexplained.zh)
            errors = fields
        }
        for index in errors.indices { errors[index].path = "/\(step.rawValue)\(errors[index].path)" }
    }
}

/// Somebody else took the conversion on.
private struct ConversionTaken: Error {}

/// Which conversions this process works on: one task each.
private final class RunningConversions: Sendable {
    private let ids = Mutex<Set<UUID>>([])

    func begin(_ id: UUID) -> Bool { ids.withLock { $0.insert(id).inserted } }
    func end(_ id: UUID) { _ = ids.withLock { $0.remove(id) } }
}
