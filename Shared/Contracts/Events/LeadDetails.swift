import Entities
import Foundation
import Values

/// How a lead came in.
public struct LeadCreated: CatalogueRecord {
    /// Leads that may be the same.
    public var duplicates: [UUID] = []

    public init() {}

    public static let catalogue = Entity<LeadCreated>(
        "leadCreated", zh: "详情", en: "Details",
        [
            Field(
                "duplicates", \.duplicates, .list(.reference(to: "lead"), max: 100), zh: "疑似重复",
                en: "Likely duplicates", help: "Leads that may be the same.")
        ])
}

/// Who got a lead, and why.
public struct LeadAssigned: CatalogueRecord {
    /// Null when a person assigned it.
    public var ruleId: UUID?
    public var ruleName: String?
    public var reasons: [String] = []
    public var fromOwnerId: UUID?
    public var fromTeamId: UUID?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<LeadAssigned>(
        "leadAssigned", zh: "详情", en: "Details",
        [
            Field("ruleId", \.ruleId, .uuid, zh: "规则", en: "Rule", help: "Null when a person assigned it."),
            Field("ruleName", \.ruleName, .string, zh: "规则名称", en: "Name of the rule"),
            Field("reasons", \.reasons, .list(.string(max: 500), max: 50), zh: "依据", en: "Reasons"),
            Field("fromOwnerId", \.fromOwnerId, .reference(to: "user"), zh: "原负责人", en: "Owner before"),
            Field("fromTeamId", \.fromTeamId, .reference(to: "team"), zh: "原团队", en: "Team before"),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// From where to where.
public struct LeadStatusChanged: CatalogueRecord {
    public var fromStatus = ""
    public var toStatus = ""
    public var reason: String?
    /// May lie before the event, when it was recorded later.
    public var at: Timestamp?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<LeadStatusChanged>(
        "leadStatusChanged", zh: "详情", en: "Details",
        [
            Field("fromStatus", \.fromStatus, .string(max: 40), zh: "原状态", en: "Status before"),
            Field("toStatus", \.toStatus, .string(max: 40), zh: "新状态", en: "Status after"),
            Field("reason", \.reason, .string(max: 1000), zh: "原因", en: "Reason"),
            Field(
                "at", \.at, .timestamp, zh: "发生时间", en: "When",
                help: "May lie before the event, when it was recorded later."),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// How the same lead came in once more.
public struct LeadTouched: CatalogueRecord {
    public var source: String?
    public var product: String?
    public var need: String?
    public var externalSystem: String?
    public var externalId: String?
    /// May lie before the event, when it was recorded later.
    public var at: Timestamp?

    public init() {}

    public static let catalogue = Entity<LeadTouched>(
        "leadTouched", zh: "详情", en: "Details",
        [
            Field("source", \.source, .string, zh: "来源", en: "Source"),
            Field("product", \.product, .string, zh: "意向产品", en: "Product"),
            Field("need", \.need, .text, zh: "需求", en: "Need"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system"),
            Field("externalId", \.externalId, .string, zh: "外部编号", en: "External id"),
            Field(
                "at", \.at, .timestamp, zh: "发生时间", en: "When",
                help: "May lie before the event, when it was recorded later."),
        ])
}

/// The grade before and the reasons of the new one.
public struct LeadGraded: CatalogueRecord {
    public var fromGrade: String?
    public var fromPoints: Int64?
    public var reasons: [String] = []

    public init() {}

    public static let catalogue = Entity<LeadGraded>(
        "leadGraded", zh: "详情", en: "Details",
        [
            Field("fromGrade", \.fromGrade, .string(max: 20), zh: "原等级", en: "Grade before"),
            Field("fromPoints", \.fromPoints, .integer(-1_000_000...1_000_000), zh: "原评分", en: "Points before"),
            Field("reasons", \.reasons, .list(.string(max: 500), max: 200), zh: "依据", en: "Reasons"),
        ])
}

/// What was done.
public struct ActivityAdded: CatalogueRecord {
    public var activityId: UUID?
    /// call, visit, message or note.
    public var kind = "note"
    public var text: String?
    public var outcome: String?
    /// May lie before the event, when it was recorded later.
    public var at: Timestamp?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<ActivityAdded>(
        "activityAdded", zh: "详情", en: "Details",
        [
            Field("activityId", \.activityId, .uuid, zh: "跟进", en: "Activity"),
            Field("kind", \.kind, .string(max: 40), zh: "方式", en: "Kind", help: "call, visit, message or note."),
            Field("text", \.text, .text, zh: "内容", en: "Text"),
            Field("outcome", \.outcome, .string, zh: "结果", en: "Outcome"),
            Field(
                "at", \.at, .timestamp, zh: "发生时间", en: "When",
                help: "May lie before the event, when it was recorded later."),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// The conversion that began.
public struct LeadConversionStarted: CatalogueRecord {
    public var conversionId: UUID?
    /// account, contact, opportunity.
    public var steps: [String] = []

    public init() {}

    public static let catalogue = Entity<LeadConversionStarted>(
        "leadConversionStarted", zh: "详情", en: "Details",
        [
            Field("conversionId", \.conversionId, .uuid, zh: "转化", en: "Conversion"),
            Field(
                "steps", \.steps, .list(.string(max: 40), max: 10), zh: "步骤", en: "Steps",
                help: "account, contact, opportunity."),
        ])
}

/// What a lead became.
public struct LeadConverted: CatalogueRecord {
    public var conversionId: UUID?
    public var accountId: UUID?
    public var contactId: UUID?
    public var opportunityId: UUID?
    /// May lie before the event, when it was recorded later.
    public var at: Timestamp?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<LeadConverted>(
        "leadConverted", zh: "详情", en: "Details",
        [
            Field("conversionId", \.conversionId, .uuid, zh: "转化", en: "Conversion"),
            Field("accountId", \.accountId, .reference(to: "account"), zh: "客户", en: "Account"),
            Field("contactId", \.contactId, .reference(to: "contact"), zh: "联系人", en: "Contact"),
            Field("opportunityId", \.opportunityId, .reference(to: "opportunity"), zh: "商机", en: "Opportunity"),
            Field(
                "at", \.at, .timestamp, zh: "发生时间", en: "When",
                help: "May lie before the event, when it was recorded later."),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// Why a conversion was refused.
public struct LeadConversionFailed: CatalogueRecord {
    public var conversionId: UUID?
    public var step: String?
    /// In English; `refusal` has both languages.
    public var reason: String?
    /// Null in events of releases that knew only `reason`.
    public var refusal: ConversionRefusal?

    public init() {}

    public static let catalogue = Entity<LeadConversionFailed>(
        "leadConversionFailed", zh: "详情", en: "Details",
        [
            Field("conversionId", \.conversionId, .uuid, zh: "转化", en: "Conversion"),
            Field("step", \.step, .string(max: 40), zh: "步骤", en: "Step"),
            Field(
                "reason", \.reason, .string(max: 1000), zh: "原因", en: "Reason",
                help: "In English; refusal has both languages."),
            Field(
                "refusal", \.refusal, .object(ConversionRefusal.self), zh: "原因（中英文）",
                en: "Reason in both languages", help: "Null in events of releases that knew only reason."),
        ])
}
