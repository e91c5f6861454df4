import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// The steps of a lead's conversion that a service takes part in, named by the saga's id: asked again, they answer the
/// same again; compensated, what they made and nobody touched since is archived.
///
/// They stand in the tenant's table `conversions`, in the transaction of what they made.
public struct SagaSteps: Sendable {
    /// What the caller's token must allow.
    public static let permission: Permission = "conversions.run"

    private let environment: ResourceEnvironment
    private let steps: [Step]

    private struct Step: Sendable {
        let name: String
        let endpoint: Endpoint
        let archive: @Sendable (UUID, Int64, WriteContext) async throws -> Void
    }

    public init(_ environment: ResourceEnvironment) { self.init(environment, []) }

    private init(_ environment: ResourceEnvironment, _ steps: [Step]) {
        (self.environment, self.steps) = (environment, steps)
    }

    /// With one more step.
    ///
    /// - Parameters:
    ///   - hints: members of a body for `find` alone, that are no fields.
    ///   - find: an object that is there already and is meant; nil makes a new one from the body.
    ///   - complete: sets what a body cannot, such as the lead it came from.
    public func step<Record: Aggregate>(
        _ name: String, _ resource: Resource<Record>, hints: [String] = [],
        find: @escaping @Sendable (JSON, WriteContext) async throws -> Record? = { _, _ in nil },
        complete: @escaping @Sendable (inout Record, JSON) -> Void = { _, _ in }
    ) -> SagaSteps {
        let environment = environment
        let endpoint = Endpoint(
            .put, "/internal/conversions/{saga}/\(name)", id: "convert\(name.capitalized)",
            summary: "Step of a conversion.", permission: Self.permission,
            body: .json(Schema(inline: ["type": "object"])),
            responses: [ResponseSpec(200, "What the step made or found.")]
        ) { call in
            let saga = try call.id("saga")
            let body = try await call.json()
            let context = try call.writeContext().begun(at: body["occurredAt"]?.string.flatMap { Timestamp($0) })
            if let done = try await Self.done(saga, name, environment, context.tenant) { return .json(done) }
            if let found = try await find(body, context) {
                try await Self.keep(found.id, found.version, saga, name, environment, context.tenant)
            } else {
                var members = body.object ?? [:]
                for name in ["occurredAt", "leadId"] + hints { members[name] = nil }
                try await Self.make(members, body, saga, name, resource, complete, context)
            }
            guard let done = try await Self.done(saga, name, environment, context.tenant) else {
                throw Problem(.conflict)
            }
            return .json(done)
        }
        let archive: @Sendable (UUID, Int64, WriteContext) async throws -> Void = { id, version, context in
            guard let record = try await resource.find(id, tenant: context.tenant), record.deletedAt == nil,
                record.version == version
            else { return }
            _ = try await resource.delete(id.lowercased, context)
        }
        return SagaSteps(environment, steps + [Step(name: name, endpoint: endpoint, archive: archive)])
    }

    public var endpoints: [Endpoint] { steps.map(\.endpoint) + [compensation] }

    // MARK: - Making

    /// The record, its event and the step, once: a repeat that overtakes finds the step's row taken and keeps nothing.
    private static func make<Record: Aggregate>(
        _ members: JSONObject, _ body: JSON, _ saga: UUID, _ name: String, _ resource: Resource<Record>,
        _ complete: (inout Record, JSON) -> Void, _ context: WriteContext
    ) async throws {
        var draft = try resource.draft(.object(members), context, custom: try await resource.custom(context.tenant))
        complete(&draft.record, body)
        var hasCollided = false
        for attempt in 1... {
            switch try await resource.decide([draft]).first {
            case .create(let record, let guards, let statements, let happening, _)?:
                let row = row(saga, name, record.id, record.version, made: true, context.tenant)
                let write = resource.insertion(record, statements + [row], happening, context)
                do {
                    try await resource.environment.writer.commit(
                        context.tenant, open(saga, context.tenant) + guards + write)
                    return
                } catch let error as PostgresError where error.sqlState == WriteState.stale {
                    try await checkOpen(saga, resource.environment, context.tenant)
                    guard attempt < Writer.attempts else { throw Problem(.conflict) }
                    try await Writer.pause(attempt)
                } catch let error as PostgresError where error.sqlState == WriteState.uniqueViolation {
                    if error.constraint == "conversions_pkey" { return }
                    guard !hasCollided else { throw error }
                    hasCollided = true
                }
            case .unchanged(let record)?, .change(let record, _, _, _, _)?:
                try await keep(record.id, record.version, saga, name, resource.environment, context.tenant)
                return
            case .refuse(let problem)?: throw problem
            case nil: throw Problem(.internalError)
            }
        }
    }

    /// Notes what was there before.
    private static func keep(
        _ id: UUID, _ version: Int64, _ saga: UUID, _ step: String, _ environment: ResourceEnvironment,
        _ tenant: TenantID
    ) async throws {
        let row = row(saga, step, id, version, made: false, tenant)
        do {
            try await environment.writer.commit(tenant, open(saga, tenant) + ["\(row) on conflict do nothing"])
        } catch let error as PostgresError where error.sqlState == WriteState.stale {
            try await checkOpen(saga, environment, tenant)
            throw error
        }
    }

    private static func checkOpen(_ saga: UUID, _ environment: ResourceEnvironment, _ tenant: TenantID) async throws {
        guard try await done(saga, end, environment, tenant) != nil else { return }
        throw Problem(.ruleViolated, .init(en: "This conversion was taken back.", zh: "该转化已撤销。"))
    }

    /// What a saga that was taken back leaves in place of a step: a command that was long on its way makes nothing.
    private static let end = "end"

    /// Holds the saga, and raises when it was taken back.
    private static func open(_ saga: UUID, _ tenant: TenantID) -> [SQL] {
        [
            "select shared.take_turn('conversions', \([saga.lowercased]))",
            """
            select shared.require_rows((
                select count(*) from \(schema: tenant).conversions where saga = \(saga) and step = \(end)), 0)
            """,
        ]
    }

    private static func row(
        _ saga: UUID, _ step: String, _ id: UUID, _ version: Int64, made: Bool, _ tenant: TenantID
    ) -> SQL {
        """
        insert into \(schema: tenant).conversions (saga, step, object_id, created, version)
        values (\(saga), \(step), \(id), \(made), \(version))
        """
    }

    /// What the step answered: `{id, version, created}`; nil when it was not taken yet.
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

    // MARK: - Taking back

    private var compensation: Endpoint {
        Endpoint(
            .delete, "/internal/conversions/{saga}", id: "compensateConversion", summary: "Takes a conversion back.",
            permission: Self.permission, responses: [ResponseSpec(204, "It is as if nothing was made.")]
        ) { call in
            let saga = try call.id("saga")
            let context = try call.writeContext()
            let mark = Self.row(saga, Self.end, saga, 0, made: false, context.tenant)
            let rows = try await environment.writer.commit(
                context.tenant,
                [
                    "select shared.take_turn('conversions', \([saga.lowercased]))", "\(mark) on conflict do nothing",
                    """
                    select step, object_id, version from \(schema: context.tenant).conversions
                    where saga = \(saga) and created order by object_id desc
                    """,
                ])[2]
            for row in rows {
                let (name, id) = (try row.get(0, as: String.self), try row.get(1, as: UUID.self))
                let step = steps.first { $0.name == name }
                try await step?.archive(id, try row.get(2), context)
            }
            return .noContent
        }
    }
}
