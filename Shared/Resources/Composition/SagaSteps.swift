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
    ///   - find: an object that is there already and is meant; nil makes a new one from the body.
    ///   - complete: sets what a body cannot, such as the lead it came from.
    public func step<Record: Aggregate>(
        _ name: String, _ resource: Resource<Record>,
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
            let context = try call.writeContext().happened(at: body["occurredAt"]?.string.flatMap { Timestamp($0) })
            if let done = try await Self.done(saga, name, environment, context.tenant) { return .json(done) }
            if let found = try await find(body, context) {
                let row = Self.row(saga, name, found.id, found.version, made: false, context.tenant)
                try await environment.writer.commit(context.tenant, ["\(row) on conflict do nothing"])
            } else {
                try await Self.make(body, saga, name, resource, complete, context)
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
        _ body: JSON, _ saga: UUID, _ name: String, _ resource: Resource<Record>,
        _ complete: (inout Record, JSON) -> Void, _ context: WriteContext
    ) async throws {
        var members = body.object ?? [:]
        for name in ["occurredAt", "leadId"] { members[name] = nil }
        var draft = try resource.draft(.object(members), context, custom: try await resource.custom(context.tenant))
        complete(&draft.record, body)
        switch try await resource.rules.creating([draft]).first {
        case .create(let record, let statements, let happening, _)?:
            let row = row(saga, name, record.id, record.version, made: true, context.tenant)
            do {
                try await resource.environment.writer.commit(
                    context.tenant, resource.insertion(record, statements + [row], happening, context))
            } catch let error as PostgresError
                where error.sqlState == WriteState.uniqueViolation && error.constraint == "conversions_pkey"
            {
                return
            }
        case .unchanged(let record)?, .change(let record, _, _, _, _)?:
            let row = row(saga, name, record.id, record.version, made: false, context.tenant)
            try await resource.environment.writer.commit(context.tenant, ["\(row) on conflict do nothing"])
        case .refuse(let problem)?: throw problem
        case nil: throw Problem(.internalError)
        }
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
            let rows = try await environment.database.query(
                context.tenant,
                """
                select step, object_id, version from \(schema: context.tenant).conversions
                where saga = \(saga) and created
                """)
            for row in rows {
                let (name, id) = (try row.get(0, as: String.self), try row.get(1, as: UUID.self))
                let step = steps.first { $0.name == name }
                try await step?.archive(id, try row.get(2), context)
            }
            return .noContent
        }
    }
}
