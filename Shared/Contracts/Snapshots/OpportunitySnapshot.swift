import Entities
import Foundation
import JSON
import Values

/// A possible sale, as events carry it.
public struct OpportunitySnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var code = ""
    public var name = ""
    public var accountId: UUID?
    public var contactId: UUID?
    public var leadId: UUID?
    public var ownerId: UUID?
    public var teamId: UUID?
    public var businessLineId: UUID?
    public var source: String?
    public var productLines: [ProductLineSnapshot] = []
    public var amount: Money?
    public var expectedCloseDate: CalendarDate?
    public var pipelineId: UUID?
    public var pipelineVersion: Int64 = 1
    public var stage = ""
    /// As the pipeline has it in Chinese; `stageNames` has both languages.
    public var stageName: String?
    /// Null in events of releases that knew only `stageName`.
    public var stageNames: StageNames?
    /// Percent, as the stage is configured.
    public var winRate: Int64?
    public var stageEnteredAt: Timestamp?
    /// open, won or lost.
    public var status = "open"
    public var openedAt: Timestamp?
    public var closedAt: Timestamp?
    /// The day of closedAt in the tenant's time zone.
    public var closeDate: CalendarDate?
    public var lostReason: String?
    public var competitor: String?
    /// The day to come back to a lost one.
    public var nurtureOn: CalendarDate?
    public var lastActivityAt: Timestamp?
    /// registered, disputed or rejected.
    public var registration: String?
    public var registeredAt: Timestamp?
    public var protectedUntil: CalendarDate?
    public var description: String?
    public var externalSystem: String?
    public var externalId: String?
    /// The tenant's own fields.
    public var custom = JSONObject()
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<OpportunitySnapshot>(
        "opportunity", zh: "商机", en: "Opportunity", custom: \.custom,
        headFields + [
            Field("code", \.code, .string(max: 40), zh: "编码", en: "Code"),
            Field("name", \.name, .string(max: 300), zh: "名称", en: "Name"),
            Field("accountId", \.accountId, .reference(to: "account"), zh: "客户", en: "Account"),
            Field("contactId", \.contactId, .reference(to: "contact"), zh: "联系人", en: "Contact"),
            Field("leadId", \.leadId, .reference(to: "lead"), zh: "线索", en: "Lead"),
            Field("ownerId", \.ownerId, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("teamId", \.teamId, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("businessLineId", \.businessLineId, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("source", \.source, .string, zh: "来源", en: "Source"),
            Field(
                "productLines", \.productLines, .list(.object(ProductLineSnapshot.self), max: 200), zh: "产品明细",
                en: "Product lines"),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount"),
            Field("expectedCloseDate", \.expectedCloseDate, .date, zh: "预计成交日期", en: "Expected close date"),
            Field("pipelineId", \.pipelineId, .reference(to: "pipeline"), zh: "销售流程", en: "Pipeline"),
            Field("pipelineVersion", \.pipelineVersion, .integer, zh: "流程版本", en: "Pipeline version"),
            Field("stage", \.stage, .string(max: 40), zh: "阶段", en: "Stage"),
            Field("stageName", \.stageName, .string, zh: "阶段名称", en: "Name of the stage"),
            Field(
                "stageNames", \.stageNames, .object(StageNames.self), zh: "阶段的中英文名称",
                en: "Names of the stage in both languages",
                help: "Null in events of releases that knew only stageName."),
            Field(
                "winRate", \.winRate, .integer(0...100), zh: "赢单率", en: "Win rate",
                help: "Percent, as the stage is configured."),
            Field("stageEnteredAt", \.stageEnteredAt, .timestamp, zh: "进入阶段时间", en: "Stage entered at"),
            Field("status", \.status, .string(max: 40), zh: "状态", en: "Status", help: "open, won or lost."),
            Field("openedAt", \.openedAt, .timestamp, zh: "开启时间", en: "Opened at"),
            Field("closedAt", \.closedAt, .timestamp, zh: "关闭时间", en: "Closed at"),
            Field(
                "closeDate", \.closeDate, .date, zh: "成交日期", en: "Close date",
                help: "The day of closedAt in the tenant's time zone."),
            Field("lostReason", \.lostReason, .string(max: 500), zh: "丢单原因", en: "Reason of the loss"),
            Field("competitor", \.competitor, .string, zh: "竞争对手", en: "Competitor"),
            Field(
                "nurtureOn", \.nurtureOn, .date, zh: "培育日期", en: "Nurture on",
                help: "The day to come back to a lost one."),
            Field("lastActivityAt", \.lastActivityAt, .timestamp, zh: "最近跟进时间", en: "Last activity at"),
            Field(
                "registration", \.registration, .string(max: 40), zh: "报备状态", en: "Registration",
                help: "registered, disputed or rejected."),
            Field("registeredAt", \.registeredAt, .timestamp, zh: "报备时间", en: "Registered at"),
            Field("protectedUntil", \.protectedUntil, .date, zh: "保护期至", en: "Protected until"),
            Field("description", \.description, .text, zh: "描述", en: "Description"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system"),
            Field("externalId", \.externalId, .string, zh: "外部编号", en: "External id"),
        ])
}

/// A product within an opportunity.
public struct ProductLineSnapshot: CatalogueRecord {
    public var productId: UUID?
    public var name: String?
    public var quantity: Int64 = 1
    /// For one.
    public var price: Money?

    public init() {}

    public static let catalogue = Entity<ProductLineSnapshot>(
        "productLine", zh: "产品明细", en: "Product line",
        [
            Field("productId", \.productId, .reference(to: "product"), zh: "产品", en: "Product"),
            Field("name", \.name, .string, zh: "名称", en: "Name"),
            Field("quantity", \.quantity, .integer, zh: "数量", en: "Quantity"),
            Field("price", \.price, .money, zh: "单价", en: "Price", help: "For one."),
        ])
}
