import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// Pipelines and their versions.
struct Pipelines: Sendable {
    let environment: ResourceEnvironment

    var resource: Resource<PipelineRecord> {
        Resource(
            "pipelines", environment: environment,
            inputs: [
                FieldDefinition(
                    "template",
                    .choice(
                        PipelineTemplate.all.map { Choice($0.key, zh: $0.label.zh, en: $0.label.en) }
                            + [Choice("custom", zh: "自定义", en: "Custom")]), zh: "模板", en: "Template")
            ],
            rules: ResourceRules(
                creating: { drafts in drafts.map { create($0) } },
                changing: { modification, _, context in try change(modification, context) }))
    }

    private func create(_ draft: Draft<PipelineRecord>) -> Creation<PipelineRecord> {
        var pipeline = draft.record
        let template = PipelineTemplate.all.first { $0.key == draft.inputs.value("template", as: String.self) }
        if let template, pipeline.stages.isEmpty { pipeline.stages = template.stages.map(\.snapshot) }
        do {
            try Pipeline.validate(pipeline.current.stages)
        } catch {
            return .refuse(Problem(translating: error) ?? Problem(.ruleViolated))
        }
        return .create(pipeline, statements: [Self.version(of: pipeline, draft.context)])
    }

    /// Other stages are a new version; open opportunities finish on theirs.
    private func change(
        _ modification: Modification<PipelineRecord>, _ context: WriteContext
    ) throws -> Modification<PipelineRecord> {
        guard modification.new.stages != modification.old.stages else { return modification }
        var result = modification
        try Pipeline.validate(result.new.current.stages)
        result.new.pipelineVersion = result.old.pipelineVersion + 1
        result.statements.append(Self.version(of: result.new, context))
        return result
    }

    static func version(of pipeline: PipelineRecord, _ context: WriteContext) -> SQL {
        """
        insert into \(schema: context.tenant).pipeline_versions (pipeline_id, pipeline_version, stages, created_at)
        values (\(pipeline.id), \(pipeline.pipelineVersion), \(pipeline.stages.json), \(context.now))
        """
    }

    // MARK: - Reading

    /// A version of a pipeline; nil when there is none.
    func find(_ id: UUID, version: Int64, tenant: TenantID) async throws -> Pipeline? {
        let rows = try await environment.database.query(
            tenant,
            """
            select v.stages, p.name, p.business_line_id from \(schema: tenant).pipeline_versions v
            join \(schema: tenant).pipelines p on p.id = v.pipeline_id
            where v.pipeline_id = \(id) and v.pipeline_version = \(version)
            """)
        guard let row = rows.first else { return nil }
        let stages = try (try row.get(0, as: JSON.self).array ?? []).map { try StageSnapshot(json: $0) }
        return Pipeline(id: id, version: version, name: try row.get(1), try row.get(2), stages)
    }

    /// The active pipelines, the oldest first.
    func active(_ tenant: TenantID) async throws -> [PipelineRecord] {
        let table = resource.table
        let rows = try await environment.database.query(
            tenant,
            "\(table.select(SchemaName(tenant))) where deleted_at is null and is_active order by created_at, id")
        return try rows.map { try table.record($0) }
    }

    /// Puts the simple template into a tenant that has no pipeline yet.
    func seed(_ tenant: Tenant) async throws {
        guard try await active(tenant.id).isEmpty else { return }
        let principal = Principal(
            tenant: tenant.id, subject: "opportunities", kind: .service, role: "system", permissions: [],
            visibility: .all)
        let context = WriteContext(tenant: tenant.id, principal: principal)
        var pipeline = PipelineRecord(id: UUIDv7.make(), at: context.now)
        pipeline.name = PipelineTemplate.simple.label.zh
        pipeline.stages = PipelineTemplate.simple.stages.map(\.snapshot)
        let statements = resource.statements(
            of: Insertion(pipeline, statements: [Self.version(of: pipeline, context)]), context)
        _ = try await environment.writer.commit(tenant.id, statements)
    }

    var versions: Endpoint {
        let resource = resource
        return Endpoint(
            .get, "/v1/pipelines/{id}/versions", id: "listPipelineVersions", summary: "Versions of a pipeline",
            tags: ["pipelines"], permission: "pipelines.read", parameters: [resource.idParameter],
            responses: [
                ResponseSpec(
                    200, "The versions, oldest first.",
                    schema: Schema("PipelineVersions", ["type": "object", "required": ["items"]]))
            ], errors: [.notFound]
        ) { call in
            let tenant = try call.tenant
            let pipeline = try await resource.visible(call.path.string("id"), try call.caller, tenant: tenant)
            let rows = try await environment.database.query(
                tenant,
                """
                select pipeline_version, stages, created_at from \(schema: tenant).pipeline_versions
                where pipeline_id = \(pipeline.id) order by pipeline_version
                """)
            let items = try rows.map { row -> JSON in
                [
                    "pipelineVersion": .int(try row.get(0)), "stages": try row.get(1),
                    "createdAt": try row.get(2, as: Timestamp.self).json,
                ]
            }
            return .json(["items": .array(items)])
        }
    }
}
