import Entities
import Foundation
import JSON
import Values

/// A pipeline with its current version, as events carry it.
public struct PipelineSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var name = ""
    public var businessLineId: UUID?
    public var pipelineVersion: Int64 = 1
    public var stages: [StageSnapshot] = []
    public var isActive = true
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<PipelineSnapshot>(
        "pipeline", zh: "销售流程", en: "Pipeline",
        headFields + [
            Field("name", \.name, .string, zh: "名称", en: "Name"),
            Field("businessLineId", \.businessLineId, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("pipelineVersion", \.pipelineVersion, .integer, zh: "流程版本", en: "Version of the stages"),
            Field("stages", \.stages, .list(.object(StageSnapshot.self), max: 30), zh: "阶段", en: "Stages"),
            Field("isActive", \.isActive, .boolean, zh: "启用", en: "Active"),
        ])
}

/// A stage of a pipeline.
public struct StageSnapshot: CatalogueRecord {
    public var key = ""
    public var zh: String?
    public var en: String?
    /// Percent; the last stage, and only it, has 100.
    public var winRate: Int64 = 0

    public init() {}

    public static let catalogue = Entity<StageSnapshot>(
        "stage", zh: "阶段", en: "Stage",
        [
            Field("key", \.key, .string(max: 40), zh: "标识", en: "Key"),
            Field("zh", \.zh, .string, zh: "中文名称", en: "Chinese name"),
            Field("en", \.en, .string, zh: "英文名称", en: "English name"),
            Field("winRate", \.winRate, .integer(0...100), zh: "赢单率", en: "Win rate", help: "Percent."),
        ])
}

/// What a stage is called in each language.
public struct StageNames: CatalogueRecord {
    public var en: String?
    public var zh: String?

    public init() {}
    public init(en: String, zh: String) { (self.en, self.zh) = (en, zh) }

    public static let catalogue = Entity<StageNames>(
        "stageNames", zh: "阶段名称", en: "Names of a stage",
        [
            Field("en", \.en, .string, zh: "英文名称", en: "English name"),
            Field("zh", \.zh, .string, zh: "中文名称", en: "Chinese name"),
        ])
}
