import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// A conversion as it is stored: its state and what was asked for.
struct StoredConversion: Sendable {
    var saga: ConversionSaga
    /// The body of the request: account, contact and opportunity inputs.
    let request: JSON
    let principal: Principal
    let occurredAt: Timestamp
    /// Counts its stored states: of two that work on it at once only one goes on.
    var revision: Int64 = 0
}

/// Conversions in the tenant's schema.
struct ConversionStore: Sendable {
    let database: TenantDatabase

    private static let columns: SQL =
        "id, lead_id, request, actor, occurred_at, phase, results, reason, attempts, revision, refusal"

    func insert(_ conversion: StoredConversion, _ schema: SchemaName, at now: Timestamp) -> SQL {
        let saga = conversion.saga
        return """
            insert into \(schema).conversions
                (id, lead_id, request, actor, occurred_at, phase, results, attempts, updated_at)
            values (\(saga.id), \(saga.leadID), \(conversion.request), \(Self.actor(conversion.principal)),
                \(conversion.occurredAt), \(saga.phase.rawValue), \(saga.storedResults), 0, \(now))
            """
    }

    /// Raises when somebody else took the conversion on meanwhile.
    func update(_ saga: ConversionSaga, from revision: Int64, _ schema: SchemaName, at now: Timestamp) -> SQL {
        """
        with taken as (
            update \(schema).conversions set phase = \(saga.phase.rawValue), results = \(saga.storedResults),
                reason = \(saga.refusal?.en), refusal = \(saga.refusal?.json), attempts = \(saga.attempts)::int,
                updated_at = \(now), revision = revision + 1
            where id = \(saga.id) and revision = \(revision) returning 1)
        select shared.require_rows((select count(*) from taken), 1)
        """
    }

    func find(_ id: UUID, _ tenant: TenantID) async throws -> StoredConversion? {
        let rows = try await database.query(
            tenant, "select \(Self.columns) from \(schema: tenant).conversions where id = \(id)")
        return try rows.first.map { try Self.conversion($0, tenant) }
    }

    /// The conversion that made a customer of a lead, the one way or the other.
    func completed(lead: UUID, _ tenant: TenantID) async throws -> StoredConversion? {
        let rows = try await database.query(
            tenant,
            """
            select \(Self.columns) from \(schema: tenant).conversions
            where lead_id = \(lead) and phase = 'completed' order by updated_at desc limit 1
            """)
        return try rows.first.map { try Self.conversion($0, tenant) }
    }

    /// Those that nobody has worked on for a while: their process is gone, or a service was away. The more often one
    /// was tried in vain, the longer it rests.
    func due(_ tenant: TenantID, at now: Timestamp, idle: Duration, limit: Int = 100) async throws -> [StoredConversion]
    {
        let rows = try await database.query(
            tenant,
            """
            select \(Self.columns) from \(schema: tenant).conversions
            where phase in ('running', 'compensating') and updated_at < \(now - idle)
                and updated_at < \(now) - least(60, 0.1 * power(2, least(attempts, 10))) * interval '1 second'
            order by updated_at limit \(limit)
            """)
        return try rows.map { try Self.conversion($0, tenant) }
    }

    private static func conversion(_ row: Row, _ tenant: TenantID) throws -> StoredConversion {
        let request: JSON = try row.get(2)
        let actor: JSON = try row.get(3)
        let saga = try ConversionSaga(
            id: row.get(0), leadID: row.get(1), wantsContact: request["contact"]?.object != nil,
            wantsOpportunity: request["opportunity"]?.object != nil, phase: row.get(5), results: row.get(6),
            refusal: refusal(row), attempts: Int(row.get(8, as: Int32.self)))
        let principal = Principal(
            tenant: tenant, subject: actor["subject"]?.string ?? "",
            kind: .init(rawValue: actor["kind"]?.string ?? "") ?? .user,
            role: actor["role"]?.string ?? "", permissions: ["backdate"], visibility: .all)
        return StoredConversion(
            saga: saga, request: request, principal: principal, occurredAt: try row.get(4), revision: try row.get(9))
    }

    /// A release that kept one language alone left a text.
    private static func refusal(_ row: Row) throws -> ConversionRefusal? {
        if let stored = try row.get(10, as: JSON?.self) { return try ConversionRefusal(json: stored) }
        return try row.get(7, as: String?.self).map { ConversionRefusal(en: $0, zh: $0) }
    }

    private static func actor(_ principal: Principal) -> JSON {
        ["subject": principal.subject.json, "kind": principal.kind.rawValue.json, "role": principal.role.json]
    }
}

extension ConversionSaga {
    var storedResults: JSON {
        var results = JSONObject()
        for step in steps {
            var stored = JSONObject()
            if let result = self.results[step] {
                stored["id"] = result.id.json
                stored["isMade"] = result.isMade.json
                stored["version"] = .int(result.version)
            }
            // A step that was refused has no result, but may have been undone.
            if undone.contains(step) { stored["isUndone"] = true }
            if !stored.isEmpty { results[step.rawValue] = .object(stored) }
        }
        return .object(results)
    }

    /// From what ``storedResults`` left, and the columns beside it.
    init(
        id: UUID, leadID: UUID, wantsContact: Bool, wantsOpportunity: Bool, phase: String, results: JSON,
        refusal: ConversionRefusal?, attempts: Int
    ) {
        var made: [Step: Result] = [:]
        var undone: Set<Step> = []
        for step in Step.allCases {
            guard let stored = results[step.rawValue] else { continue }
            if let object = stored["id"]?.string.flatMap({ UUID($0) }) {
                made[step] = Result(
                    id: object, isMade: stored["isMade"]?.bool ?? false, version: stored["version"]?.int ?? 1)
            }
            if stored["isUndone"]?.bool == true { undone.insert(step) }
        }
        self.init(
            id: id, leadID: leadID, wantsContact: wantsContact, wantsOpportunity: wantsOpportunity,
            phase: Phase(rawValue: phase) ?? .running, results: made, undone: undone, refusal: refusal,
            attempts: attempts)
    }
}
