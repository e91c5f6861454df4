import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// Takes the open opportunities of a pipeline over to its newest version, or to another pipeline.
struct PipelineMigration: Sendable {
    let opportunities: Opportunities

    private var pipelines: Pipelines { opportunities.pipelines }
    /// So long one call works; the next goes on.
    private static let patience = Duration.seconds(15)

    var endpoint: Endpoint {
        let schema = ObjectSchema(
            "MigratePipeline",
            [
                FieldDefinition(
                    "toPipelineId", .reference(to: "pipeline"), zh: "目标流程", en: "To pipeline",
                    help: "This one's newest version when missing."),
                FieldDefinition(
                    "fromVersion", .integer(1...1_000_000), zh: "原版本", en: "From version",
                    help: "Only those on this version."),
                FieldDefinition(
                    "mapping", .json, zh: "阶段映射", en: "Mapping",
                    help: "The new stage's key by the old one's; stages that are not named keep their key."),
            ])
        let resource = pipelines.resource
        return Endpoint(
            .post, "/v1/pipelines/{id}/migrate", id: "migratePipeline",
            summary: "Take open opportunities over to another version by a mapping of stages",
            description: """
                Nothing moves unless every stage that is in use has its place. Closed opportunities stay on their version. \
                A call works for some seconds; while `remaining` is more than 0, send it again.
                """,
            tags: ["pipelines"], permission: "pipelines.write", parameters: [resource.idParameter],
            body: .json(Schema(schema.name, schema.jsonSchema(.create)), required: false),
            responses: [
                ResponseSpec(
                    200, "How many went over.",
                    schema: Schema(
                        "PipelineMigrated",
                        ["type": "object", "required": ["pipelineVersion", "migrated", "remaining"]]))
            ], errors: [.notFound, .validationFailed, .ruleViolated], timeout: .seconds(60)
        ) { call in
            let given = try schema.validate(create: try await call.json())
            let (caller, tenant) = (try call.caller, try call.tenant)
            let source = try await resource.visible(call.path.string("id"), caller, tenant: tenant)
            var target = source
            if let id = given.value("toPipelineId", as: UUID.self) {
                guard let found = try await resource.find([id], tenant: tenant).first else {
                    throw Problem.unknownReference("/toPipelineId", id.lowercased)
                }
                target = found
            }
            let move = Move(
                source: source.id, version: given.value("fromVersion"), target: target.current,
                mapping: try Self.mapping(given["mapping"]?.json ?? .null))
            try await check(move, tenant)
            let context = WriteContext(tenant: tenant, principal: caller)
            return .json(try await run(move, context))
        }
    }

    private struct Move: Sendable {
        let source: UUID
        let version: Int64?
        let target: Pipeline
        let mapping: [String: String]

        /// Open ones that are not there yet.
        var condition: SQL {
            let those: SQL = """
                deleted_at is null and status = 'open' and pipeline_id = \(source)
                and (pipeline_id, pipeline_version) <> (\(target.id), \(Int64(target.version)))
                """
            return version.map { "\(those) and pipeline_version = \($0)" } ?? those
        }
    }

    private static func mapping(_ json: JSON) throws(Problem) -> [String: String] {
        if json.isNull { return [:] }
        var mapping: [String: String] = [:]
        for (key, value) in json.object ?? ["": .null] {
            guard let stage = value.string, !key.isEmpty else {
                throw Problem.validation([
                    FieldError(
                        "/mapping", code: "wrongType",
                        .init(en: "Write an object of new keys by old keys.", zh: "须为“旧阶段标识: 新阶段标识”的对象。"))
                ])
            }
            mapping[key] = stage
        }
        return mapping
    }

    /// Every stage in use must have its place, and none may be won by a migration.
    private func check(_ move: Move, _ tenant: TenantID) async throws {
        let rows = try await opportunities.environment.database.query(
            tenant, "select distinct stage from \(schema: tenant).opportunities where \(move.condition) order by stage")
        let errors = try rows.compactMap { row -> FieldError? in
            let stage: String = try row.get(0)
            let wanted = move.mapping[stage] ?? stage
            if let found = move.target[wanted], !found.isSigned { return nil }
            let keys = move.target.stages.filter { !$0.isSigned }.map(\.key).joined(separator: ", ")
            return FieldError(
                "/mapping/\(stage)", code: "unknownStage",
                .init(
                    en: "Map \(stage) to one of \(keys): opportunities are in it.", zh: "阶段 \(stage) 有商机，请映射到：\(keys)。")
            )
        }
        guard errors.isEmpty else { throw Problem.validation(errors) }
    }

    private func run(_ move: Move, _ context: WriteContext) async throws -> JSON {
        let database = opportunities.environment.database
        let end = ContinuousClock.now + Self.patience
        var migrated: Int64 = 0
        batches: while true {
            let rows = try await database.query(
                context.tenant,
                """
                select id from \(schema: context.tenant).opportunities where \(move.condition) order by id limit 200
                """)
            if rows.isEmpty { break }
            for row in rows {
                if ContinuousClock.now > end { break batches }
                _ = try await opportunities.resource.change(try row.get(0, as: UUID.self).lowercased, context) { old in
                    // Closed meanwhile: it stays.
                    if old.status != .open { return Modification(from: old, to: old) }
                    return try await opportunities.act(
                        .migrate(to: move.target, mapping: move.mapping), on: old, context)
                }
                migrated += 1
            }
        }
        let remaining: Int64 = try await database.query(
            context.tenant, "select count(*) from \(schema: context.tenant).opportunities where \(move.condition)"
        ).single().get(0)
        return [
            "pipelineId": move.target.id.json, "pipelineVersion": .int(Int64(move.target.version)),
            "migrated": .int(migrated), "remaining": .int(remaining),
        ]
    }
}
