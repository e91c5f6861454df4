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
    ///   - guards: the first statements of the write of a new one: they raise ``WriteState/stale`` when what `find` looks
    ///     for came in meanwhile, and it is looked for again.
    ///   - complete: sets what a body cannot, such as the lead it came from.
    public func step<Record: Aggregate>(
        _ name: String, _ resource: Resource<Record>, hints: [String] = [],
        find: @escaping @Sendable (JSON, WriteContext) async throws -> Record? = { _, _ in nil },
        guards: @escaping @Sendable (Record, SchemaName) -> [SQL] = { _, _ in [] },
        complete: @escaping @Sendable (inout Record, JSON) -> Void = { _, _ in }
    ) -> SagaSteps {
        let environment = environment
        let taking = Taking(
            name: name, resource: resource, hints: hints, find: find, guards: guards, complete: complete)
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
            try await Self.take(taking, body, saga, context)
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

    // MARK: - Taking

    /// What a step is about: see ``step(_:_:hints:find:guards:complete:)``.
    private struct Taking<Record: Aggregate>: Sendable {
        let name: String
        let resource: Resource<Record>
        let hints: [String]
        let find: @Sendable (JSON, WriteContext) async throws -> Record?
        let guards: @Sendable (Record, SchemaName) -> [SQL]
        let complete: @Sendable (inout Record, JSON) -> Void

        func draft(_ body: JSON, _ context: WriteContext) async throws -> Draft<Record> {
            var members = body.object ?? [:]
            for name in ["occurredAt", "leadId"] + hints { members[name] = nil }
            let custom = try await resource.custom(context.tenant)
            var draft = try resource.draft(.object(members), context, custom: custom)
            complete(&draft.record, body)
            return draft
        }
    }

    /// The record that is meant, or a new one with its event, and the step, once: a repeat that overtakes finds the
    /// step's row taken and keeps nothing.
    private static func take<Record: Aggregate>(
        _ taking: Taking<Record>, _ body: JSON, _ saga: UUID, _ context: WriteContext
    ) async throws {
        let (resource, name, tenant) = (taking.resource, taking.name, context.tenant)
        var hasCollided = false
        for attempt in 1... {
            if let found = try await taking.find(body, context) {
                return try await keep(found.id, found.version, saga, name, resource.environment, tenant)
            }
            let draft = try await taking.draft(body, context)
            switch try await resource.decide([draft]).first {
            case .create(let record, let guards, let statements, let happening, _)?:
                let row = row(saga, name, record.id, record.version, made: true, tenant)
                let write = resource.insertion(record, statements + [row], happening, context)
                do {
                    try await resource.environment.writer.commit(
                        tenant,
                        open(saga, tenant) + taking.guards(record, SchemaName(tenant)) + guards + write)
                    return
                } catch let error as PostgresError where error.sqlState == WriteState.stale {
                    try await checkOpen(saga, resource.environment, tenant)
                    guard attempt < Writer.attempts else { throw Problem(.conflict) }
                    try await Writer.pause(attempt)
                } catch let error as PostgresError where error.sqlState == WriteState.uniqueViolation {
                    if error.constraint == "conversions_pkey" { return }
                    guard !hasCollided else { throw error }
                    hasCollided = true
                }
            case .unchanged(let record)?, .change(let record, _, _, _, _)?:
                return try await keep(record.id, record.version, saga, name, resource.environment, tenant)
            case .refuse(let problem)?:
                // What it is refused for may be what was looked for, come in meanwhile.
                guard let found = try await taking.find(body, context) else { throw problem }
                return try await keep(found.id, found.version, saga, name, resource.environment, tenant)
            case nil: throw Problem(.internalError)
            }
        }
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
            // What a conversion made and another found goes with the last of them that is taken back.
            let rows = try await environment.writer.commit(
                context.tenant,
                [
                    "select shared.take_turn('conversions', \([saga.lowercased]))", "\(mark) on conflict do nothing",
                    """
                    select step, object_id, version from \(schema: context.tenant).conversions made
                    where created
                        and object_id in (select object_id from \(schema: context.tenant).conversions where saga = \(saga))
                        and not exists (
                            select from \(schema: context.tenant).conversions other
                            where other.object_id = made.object_id and not exists (
                                select from \(schema: context.tenant).conversions
                                where saga = other.saga and step = \(Self.end)))
                    order by object_id desc
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
