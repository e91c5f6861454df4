import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy

/// A pipeline as reports know it.
struct PipelineFact: Sendable {
    let id: UUID
    let name: String
    let stages: [FunnelStage]

    /// Those in use, the oldest first.
    static func active(_ schema: SchemaName) -> SQL { "\(all(schema)) where not deleted and is_active \(order)" }

    private static func all(_ schema: SchemaName) -> SQL { "select id, name, stages from \(schema).pipeline_facts" }
    private static let order: SQL = "order by created_at, id"

    init(_ row: Row) throws {
        let id: UUID = try row.get(0)
        (self.id, name) = (id, try row.get(1, as: String?.self) ?? "")
        stages = try (row.get(2, as: JSON.self).array ?? []).map { json in
            let stage = try StageSnapshot(json: json)
            return FunnelStage(pipeline: id, key: stage.key, zh: stage.zh, en: stage.en, winRate: Int(stage.winRate))
        }
    }

    /// What stages of pipelines were ever called: the names of those that have deals but belong to no version of today.
    /// Columns: pipeline, key, Chinese and English name.
    static func formerNames(_ schema: SchemaName) -> SQL {
        """
        select distinct p.id, stage->>'key', stage->>'zh', stage->>'en' from \(schema).pipeline_facts p
        join \(schema).event_history h on h.aggregate_id = p.id::text and h.aggregate = 'pipeline'
        cross join lateral jsonb_array_elements(h.data->'pipeline'->'stages') as stage
        where stage->>'zh' is not null and stage->>'en' is not null order by 4
        """
    }

    /// What the stages of all pipelines are called: those in use before those that were, and these before older versions.
    static func names(_ database: TenantDatabase, _ tenant: Tenant, _ language: Language) async throws -> GroupNames {
        var names = GroupNames(language: language.rawValue)
        let results = try await database.flight(
            tenant.id, [active(tenant.schema), "\(all(tenant.schema)) \(order)", formerNames(tenant.schema)],
            options: .read)
        for row in Array(results[0]) + Array(results[1]) {
            for stage in try PipelineFact(row).stages { names.add(stage) }
        }
        for row in results[2] {
            names.add(
                FunnelStage(
                    pipeline: try row.get(0), key: try row.get(1), zh: try row.get(2), en: try row.get(3), winRate: 0))
        }
        return names
    }
}

extension GroupNames {
    /// The names that a report's groups need.
    static func of(
        _ query: ReportQuery, _ database: TenantDatabase, _ tenant: Tenant, _ language: Language
    ) async throws -> GroupNames {
        guard query.dimensions.contains(.stage) else { return GroupNames(language: language.rawValue) }
        return try await PipelineFact.names(database, tenant, language)
    }
}
