import Contracts
import Entities
import Foundation
import JSON
import Values

extension Opportunity: Aggregate, ExternallyKnown {
    init(id: UUID, at now: Timestamp) {
        self.init(
            id: id, code: "", name: "", pipelineID: id, pipelineVersion: 1, stage: "", stageEnteredAt: now,
            openedAt: now, createdAt: now, updatedAt: now)
    }

    static let catalogue = Entity<Opportunity>(
        "opportunity", zh: "商机", en: "Opportunity", custom: \.custom,
        headFields + [
            Field("code", \.code, .string(max: 40), zh: "编码", en: "Code", [.readOnly, .unique]),
            Field("name", \.name, .string(max: 300), zh: "名称", en: "Name", [.required, .searchable]),
            Field("accountId", \.accountID, .reference(to: "account"), zh: "客户", en: "Account", .indexed),
            Field("contactId", \.contactID, .reference(to: "contact"), zh: "联系人", en: "Contact"),
            Field("leadId", \.leadID, .reference(to: "lead"), zh: "线索", en: "Lead", .readOnly),
            Field("ownerId", \.ownerID, .reference(to: "user"), zh: "负责人", en: "Owner", .indexed),
            Field("teamId", \.teamID, .reference(to: "team"), zh: "团队", en: "Team", .indexed),
            Field("businessLineId", \.businessLineID, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("source", \.source, .string, zh: "来源", en: "Source"),
            Field(
                "productLines", \.productLines, .list(.object(ProductLine.self), max: 200), zh: "产品明细",
                en: "Product lines"),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount"),
            Field("expectedCloseDate", \.expectedCloseDate, .date, zh: "预计成交日期", en: "Expected close date", .indexed),
            Field("pipelineId", \.pipelineID, .reference(to: "pipeline"), zh: "销售流程", en: "Pipeline", .createOnly),
            Field("pipelineVersion", \.pipelineVersion, .integer, zh: "流程版本", en: "Pipeline version", .readOnly),
            Field("stage", \.stage, .string(max: 40), zh: "阶段", en: "Stage", [.createOnly, .indexed]),
            Field(
                "stageName", \.stageName, .string, zh: "阶段名称", en: "Name of the stage", .readOnly,
                help: "In the reader's language; filters and sorting take the Chinese one, better take stage."),
            Field(
                "stageNames", \.stageNames, .object(StageNames.self), zh: "阶段的中英文名称",
                en: "Names of the stage in both languages", .readOnly),
            Field("winRate", \.winRate, .integer(0...100), zh: "赢单率", en: "Win rate", .readOnly, help: "Percent."),
            Field("stageEnteredAt", \.stageEnteredAt, .timestamp, zh: "进入阶段时间", en: "Stage entered at", .readOnly),
            Field("status", \.status, .choice(of: Status.self), zh: "状态", en: "Status", [.readOnly, .indexed]),
            Field("openedAt", \.openedAt, .timestamp, zh: "开启时间", en: "Opened at", .readOnly),
            Field("closedAt", \.closedAt, .timestamp, zh: "关闭时间", en: "Closed at", .readOnly),
            Field("closeDate", \.closeDate, .date, zh: "成交日期", en: "Close date", [.readOnly, .indexed]),
            Field("lostReason", \.lostReason, .string(max: 500), zh: "丢单原因", en: "Reason of the loss", .readOnly),
            Field("competitor", \.competitor, .string, zh: "竞争对手", en: "Competitor"),
            Field(
                "nurtureOn", \.nurtureOn, .date, zh: "培育日期", en: "Nurture on",
                help: "The day to come back to a lost one."),
            Field("lastActivityAt", \.lastActivityAt, .timestamp, zh: "最近跟进时间", en: "Last activity at", .readOnly),
            Field(
                "registration", \.registration, .choice(of: Registration.self), zh: "报备状态", en: "Registration",
                .readOnly),
            Field("registeredAt", \.registeredAt, .timestamp, zh: "报备时间", en: "Registered at", .readOnly),
            Field("protectedUntil", \.protectedUntil, .date, zh: "保护期至", en: "Protected until", .readOnly),
            Field("description", \.description, .text, zh: "描述", en: "Description"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system", .createOnly),
            Field("externalId", \.externalID, .string, zh: "外部编号", en: "External id", [.createOnly, .unique]),
        ])
}

extension Opportunity.Status: LabelledChoice {
    var labels: (zh: String, en: String) {
        switch self {
        case .open: ("进行中", "Open")
        case .won: ("赢单", "Won")
        case .lost: ("丢单", "Lost")
        }
    }
}

extension Product: Aggregate, ExternallyKnown {
    init(id: UUID, at now: Timestamp) { self.init(id: id, name: "", createdAt: now, updatedAt: now) }

    static let catalogue = Entity<Product>(
        "product", zh: "产品", en: "Product", custom: \.custom,
        headFields + [
            Field("name", \.name, .string, zh: "名称", en: "Name", [.required, .searchable]),
            Field("series", \.series, .string, zh: "系列", en: "Series"),
            Field("listPrice", \.listPrice, .money, zh: "目录价", en: "List price"),
            Field("aliases", \.aliases, .list(.string, max: 50), zh: "别名", en: "Aliases"),
            Field("isActive", \.isActive, .boolean, zh: "在售", en: "Active"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system", .createOnly),
            Field("externalId", \.externalID, .string, zh: "外部编号", en: "External id", [.createOnly, .unique]),
        ])
}

extension Target: Aggregate {
    init(id: UUID, at now: Timestamp) {
        self.init(id: id, period: "", amount: .zero(.cny), createdAt: now, updatedAt: now)
    }

    static let catalogue = Entity<Target>(
        "target", zh: "目标", en: "Target", custom: \.custom,
        headFields + [
            Field(
                "period", \.period, .string(max: 10), zh: "期间", en: "Period", .required,
                help: "2026, 2026-Q4 or 2026-11."),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount", .required),
            Field("ownerId", \.ownerID, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("teamId", \.teamID, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("businessLineId", \.businessLineID, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
        ])
}

/// A pipeline as it is stored: with the stages of its current version.
struct PipelineRecord: Aggregate {
    var id: UUID
    var version: Int64 = 1
    var name = ""
    var businessLineID: UUID?
    var pipelineVersion: Int64 = 1
    var stages: [StageSnapshot] = []
    var isActive = true
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    init(id: UUID, at now: Timestamp) { (self.id, createdAt, updatedAt) = (id, now, now) }

    static let catalogue = Entity<PipelineRecord>(
        "pipeline", zh: "销售流程", en: "Pipeline", custom: \.custom,
        headFields + [
            Field("name", \.name, .string, zh: "名称", en: "Name", [.required, .unique]),
            Field("businessLineId", \.businessLineID, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("pipelineVersion", \.pipelineVersion, .integer, zh: "流程版本", en: "Version of the stages", .readOnly),
            Field("stages", \.stages, .list(.object(StageSnapshot.self), max: 30), zh: "阶段", en: "Stages"),
            Field("isActive", \.isActive, .boolean, zh: "启用", en: "Active"),
        ])

    /// The current version, as the rules know it.
    var current: Pipeline { Pipeline(id: id, version: pipelineVersion, name: name, businessLineID, stages) }
}

extension Pipeline {
    init(id: UUID, version: Int64, name: String, _ businessLine: UUID?, _ stages: [StageSnapshot]) {
        self.init(
            id: id, version: Int(version), name: name, businessLineID: businessLine,
            stages: stages.map {
                Stage(
                    key: $0.key, label: Label(en: $0.en ?? $0.zh ?? $0.key, zh: $0.zh ?? $0.en ?? $0.key),
                    winRate: Int($0.winRate))
            })
    }
}

extension Stage {
    var snapshot: StageSnapshot {
        var snapshot = StageSnapshot()
        (snapshot.key, snapshot.zh, snapshot.en, snapshot.winRate) = (key, label.zh, label.en, Int64(winRate))
        return snapshot
    }
}
