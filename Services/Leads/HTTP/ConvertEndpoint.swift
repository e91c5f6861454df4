import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Runtime
import ServiceKit
import Tenancy
import Values

/// `POST /v1/leads/{id}/convert`: a person waits, so what takes no longer than two seconds is answered whole.
struct ConvertEndpoint: Sendable {
    let leads: Resource<Lead>
    let runner: ConversionRunner

    private static let patience = Duration.seconds(2)

    private static let answer = Schema(
        "Conversion",
        [
            "type": "object", "required": ["leadId", "accountId", "contactId", "opportunityId", "saga"],
            "properties": [
                "leadId": ["type": "string"], "accountId": ["type": ["string", "null"]],
                "contactId": ["type": ["string", "null"]], "opportunityId": ["type": ["string", "null"]],
                "saga": ["type": "object"],
            ],
        ])

    var endpoint: Endpoint {
        Endpoint(
            .post, "/v1/leads/{id}/convert", id: "convertLead",
            summary: "Make a customer of it, with contact and opportunity",
            description: """
                Converting twice is converting once. With an Idempotency-Key the answer is the conversion's, however \
                often it is asked for: 202 while it runs, then 201 or 422.
                """,
            tags: ["leads"], permission: "leads.convert", parameters: [leads.idParameter, .ifMatch, .idempotencyKey],
            body: .json(ConversionRequest.schema, required: false),
            responses: [
                ResponseSpec(201, "Done.", schema: Self.answer),
                ResponseSpec(202, "It goes on by itself; ask again, or read the lead.", schema: Self.answer),
            ],
            errors: [
                .notFound, .conflict, .ruleViolated, .validationFailed, .versionMismatch, .idempotencyKeyReused,
                .requestInProgress,
            ]
        ) { call in
            let (body, asked) = try await call.write()
            let request = try ConversionRequest(body)
            return try await convert(call.path.string("id"), request, try asked.happened(at: request.occurredAt))
        }
    }

    // MARK: - Converting

    private func convert(
        _ key: String, _ request: ConversionRequest, _ context: WriteContext
    ) async throws -> HTTPResponse {
        // First, as in every write: what was answered is answered again, whatever has become of the lead since.
        if let first = try await leads.environment.writer.stored(context) {
            guard let id = Self.conversion(of: first) else { return first }
            var response = try await outcome(of: id, context)
            response.headers["Idempotency-Replayed"] = "true"
            return response
        }
        let lead = try await leads.visible(key, context.principal, tenant: context.tenant)
        return try await outcome(of: try await begin(lead, request, context), context)
    }

    /// The lead's conversion: the one that made a customer of it, the one that runs, or a new one, which is stored in
    /// the transaction that marks the lead. With a key, the key is stored with it.
    private func begin(
        _ lead: Lead, _ request: ConversionRequest, _ context: WriteContext
    ) async throws -> UUID {
        if lead.status == .converted {
            guard let id = try await runner.store.completed(lead: lead.id, context.tenant)?.saga.id else {
                throw Problem(.conflict)
            }
            return try await join(id, context)
        }
        if let id = lead.conversionID { return try await join(id, context) }
        // The services themselves take whom the lead belongs to, though he may have left since.
        for owner in request.owners where owner.id != lead.ownerID {
            if let giving = owner.giving, let user = context.userID, user != owner.id, !context.principal.may(giving) {
                throw Problem(
                    .forbidden,
                    .init(
                        en: "Leave out \(owner.path): giving it to another needs the permission \(giving).",
                        zh: "请勿填写 \(owner.path)：分配给他人需要 \(giving) 权限。"))
            }
            _ = try await leads.environment.directory?.active(owner.id, at: owner.path, context)
        }
        let conversion = request.conversion(of: lead, context)
        let saga = conversion.saga
        do {
            let stored = try await leads.change(
                lead.id.lowercased, context, answer: { _, _ in Self.reference(to: saga.id) },
                decide: { old in
                    var modification = try LeadActs.modification(of: old, .startConversion(saga: saga.id), context)
                    modification.event = .conversionStarted(saga.id, steps: saga.steps)
                    modification.statements.append(
                        runner.store.insert(conversion, SchemaName(context.tenant), at: context.now))
                    return modification
                })
            // Another's, when the same request was committed since we looked.
            return Self.conversion(of: stored) ?? saga.id
        } catch let refusal as Refusal where ["leadConverting", "leadConverted"].contains(refusal.code) {
            // Another request was faster: there is one conversion, and it is the answer to both.
            let now = try await leads.visible(lead.id.lowercased, context.principal, tenant: context.tenant)
            guard now != lead else { throw refusal }
            return try await begin(now, request, context)
        }
    }

    /// Stores the key of a request that finds its conversion there.
    private func join(_ id: UUID, _ context: WriteContext) async throws -> UUID {
        let stored = try await leads.environment.writer.write(context) {
            PreparedWrite([], response: Self.reference(to: id))
        }
        return Self.conversion(of: stored) ?? id
    }

    /// What is stored under a key; the answer itself comes from the conversion.
    private static func reference(to conversion: UUID) -> HTTPResponse {
        .json(["conversionId": conversion.json], status: .accepted)
    }

    private static func conversion(of stored: HTTPResponse) -> UUID? {
        guard case .bytes(let bytes) = stored.body.content else { return nil }
        return (try? JSON.parse(bytes))?["conversionId"]?.string.flatMap { UUID($0) }
    }

    // MARK: - The answer

    /// Takes the conversion on, or waits for who has it, as long as a person waits; then says where it is.
    private func outcome(of id: UUID, _ context: WriteContext) async throws -> HTTPResponse {
        let deadline = Deadline.after(Self.patience)
        var pause = Duration.milliseconds(5)
        while true {
            guard let conversion = try await runner.store.find(id, context.tenant) else { throw Problem(.notFound) }
            if conversion.saga.nextAction == nil || deadline.isPassed {
                return try await answer(conversion.saga, context.tenant)
            }
            guard case .elsewhere = try await runner.advance(conversion, context.tenant, until: deadline) else {
                continue
            }
            try await Task.sleep(for: min(pause, deadline.remaining))
            pause = min(pause * 2, .milliseconds(100))
        }
    }

    private func answer(_ saga: ConversionSaga, _ tenant: TenantID) async throws -> HTTPResponse {
        if saga.phase == .failed {
            let refusal = saga.refusal ?? .unexplained
            throw Problem(
                .ruleViolated,
                .init(en: "The conversion was refused: \(refusal.en)", zh: "转化被拒绝：\(refusal.zh)"),
                errors: refusal.errors.map { FieldError($0.path, code: $0.code, .init(en: $0.en, zh: $0.zh)) },
                extras: ["reason": .string(refusal.code)])
        }
        guard let lead = try await leads.find(saga.leadID, tenant: tenant) else { throw Problem(.notFound) }
        let isDone = saga.phase == .completed
        let json: JSON = [
            "leadId": lead.id.json, "accountId": saga.results[.account]?.id.json ?? .null,
            "contactId": saga.results[.contact]?.id.json ?? .null,
            "opportunityId": saga.results[.opportunity]?.id.json ?? .null, "orderId": .null,
            "saga": ["id": saga.id.json, "status": saga.phase.rawValue.json],
        ]
        var response = HTTPResponse.json(json, status: isDone ? .created : .accepted)
        response.headers["Location"] = "/v1/leads/\(lead.id.lowercased)"
        response.headers["X-Guanxi-Position"] = "\(lead.id.lowercased):\(lead.version)"
        return response
    }
}
