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
    ///   - retire: what an object gives up when it is archived, such as a name that only one may have: the next
    ///     conversion of the same lead makes another.
    public func step<Record: Aggregate>(
        _ name: String, _ resource: Resource<Record>, hints: [String] = [],
        find: @escaping @Sendable (JSON, WriteContext) async throws -> Record? = { _, _ in nil },
        guards: @escaping @Sendable (Record, SchemaName) -> [SQL] = { _, _ in [] },
        complete: @escaping @Sendable (inout Record, JSON) -> Void = { _, _ in },
        retire: @escaping @Sendable (inout Record) -> Void = { _ in }
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
            do {
                try await Self.take(taking, body, saga, context)
            } catch {
                guard let problem = Problem(translating: error) else { throw error }
                throw problem.refusing(resource.entity.schema)
            }
            guard let done = try await Self.done(saga, name, environment, context.tenant) else {
                throw Problem(.conflict)
            }
            return .json(done)
        }
        return SagaSteps(
            environment,
            steps + [
                Step(name: name, endpoint: endpoint) {
                    try await Self.archive($0, version: $1, of: resource, retire, $2)
                }
            ])
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
    /// step's row taken and keeps nothing. Decided anew when what was found or missed has changed meanwhile.
    private static func take<Record: Aggregate>(
        _ taking: Taking<Record>, _ body: JSON, _ saga: UUID, _ context: WriteContext
    ) async throws {
        var isFirst = true
        do {
            try await Writer.retrying {
                if !isFirst { try await checkOpen(saga, taking.resource.environment, context.tenant) }
                isFirst = false
                do { try await takeOnce(taking, body, saga, context) } catch let error as PostgresError
                    where error.isUniqueViolation && error.constraint == "conversions_pkey"
                {
                    return
                }
            }
        } catch let error as PostgresError where error.isStale {
            try await checkOpen(saga, taking.resource.environment, context.tenant)
            throw Problem(.conflict)
        }
    }

    private static func takeOnce<Record: Aggregate>(
        _ taking: Taking<Record>, _ body: JSON, _ saga: UUID, _ context: WriteContext
    ) async throws {
        let (resource, name, tenant) = (taking.resource, taking.name, context.tenant)
        if let found = try await taking.find(body, context) {
            return try await keep(found, saga, name, resource, tenant)
        }
        switch try await resource.decide([taking.draft(body, context)]).first {
        case .create(var insertion)?:
            let record = insertion.record
            insertion.statements.append(row(saga, name, record.id, record.version, made: true, tenant))
            try await resource.environment.writer.commit(
                tenant,
                open(saga, tenant) + taking.guards(record, SchemaName(tenant)) + insertion.guards
                    + resource.statements(of: insertion, context))
        case .unchanged(let record)?: try await keep(record, saga, name, resource, tenant)
        case .change(let modification)?: try await keep(modification.old, saga, name, resource, tenant)
        case .refuse(let problem)?:
            // What it is refused for may be what was looked for, come in meanwhile.
            guard let found = try await taking.find(body, context) else { throw problem }
            try await keep(found, saga, name, resource, tenant)
        case nil: throw Problem(.internalError)
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
            let made = try await environment.writer.commit(
                context.tenant,
                [
                    "select shared.take_turn('conversions', \([saga.lowercased]))", "\(mark) on conflict do nothing",
                    Self.turns(of: saga, context.tenant), Self.made(for: saga, context.tenant),
                ])[3]
            for row in made {
                let (name, id) = (try row.get(0, as: String.self), try row.get(1, as: UUID.self))
                let step = steps.first { $0.name == name }
                try await step?.archive(id, try row.get(2), context)
            }
            return .noContent
        }
    }

    /// Archives what a conversion made, unless somebody worked on it since or another conversion has it by now: then it
    /// stays.
    private static func archive<Record: Aggregate>(
        _ id: UUID, version: Int64, of resource: Resource<Record>, _ retire: @escaping @Sendable (inout Record) -> Void,
        _ context: WriteContext
    ) async throws {
        let context = context.requiring(version: version)
        do {
            _ = try await resource.change(id.lowercased, context) { old in
                guard try await !isHeld(id, resource.environment, context.tenant) else { throw StillHeld() }
                var new = old
                new.deletedAt = context.now
                retire(&new)
                var modification = try await resource.rules.deleting(
                    Modification(from: old, to: new, .deleted), context)
                modification.statements += letGo(id, context.tenant)
                return modification
            }
        } catch is StillHeld {
        } catch let problem as Problem where [404, 409, 412, 422].contains(problem.type.status) {}
    }
}

/// Another conversion has the object.
private struct StillHeld: Error {}
