import Entities
import Foundation
import JSON
import Values

/// Someone who may become a customer, as events carry him.
public struct LeadSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var company: String?
    public var person: String?
    public var title: String?
    public var phone: String?
    public var email: String?
    public var creditCode: String?
    public var region: String?
    public var industry: String?
    public var employees: Int64?
    public var product: String?
    public var need: String?
    public var amount: Money?
    public var source: String?
    public var lastSource: String?
    public var touches: Int64 = 1
    public var lastTouchAt: Timestamp?
    /// new, contacted, qualifying, qualified, converted or disqualified.
    public var status = "new"
    public var disqualifiedReason: String?
    public var grade: String?
    public var points: Int64?
    public var ownerId: UUID?
    public var teamId: UUID?
    public var businessLineId: UUID?
    public var assignmentRuleId: UUID?
    public var nextStep: String?
    public var nextStepAt: Timestamp?
    public var firstContactAt: Timestamp?
    public var lastActivityAt: Timestamp?
    public var convertedAt: Timestamp?
    public var accountId: UUID?
    public var contactId: UUID?
    public var opportunityId: UUID?
    public var externalSystem: String?
    public var externalId: String?
    /// The tenant's own fields.
    public var custom = JSONObject()
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<LeadSnapshot>(
        "lead", zh: "线索", en: "Lead", custom: \.custom,
        headFields + [
            Field("company", \.company, .string(max: 300), zh: "公司", en: "Company"),
            Field("person", \.person, .string, zh: "联系人", en: "Person"),
            Field("title", \.title, .string, zh: "职务", en: "Title"),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone"),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail"),
            Field("creditCode", \.creditCode, .string, zh: "统一社会信用代码", en: "Credit code"),
            Field("region", \.region, .string, zh: "地区", en: "Region"),
            Field("industry", \.industry, .string, zh: "行业", en: "Industry"),
            Field("employees", \.employees, .integer, zh: "员工数", en: "Employees"),
            Field("product", \.product, .string, zh: "意向产品", en: "Product"),
            Field("need", \.need, .text, zh: "需求", en: "Need"),
            Field("amount", \.amount, .money, zh: "预计金额", en: "Amount"),
            Field("source", \.source, .string, zh: "首次来源", en: "First source"),
            Field("lastSource", \.lastSource, .string, zh: "最近来源", en: "Last source"),
            Field("touches", \.touches, .integer, zh: "接触次数", en: "Touches"),
            Field("lastTouchAt", \.lastTouchAt, .timestamp, zh: "最近接触时间", en: "Last touch at"),
            Field(
                "status", \.status, .string(max: 40), zh: "状态", en: "Status",
                help: "new, contacted, qualifying, qualified, converted or disqualified."),
            Field(
                "disqualifiedReason", \.disqualifiedReason, .string(max: 500), zh: "无效原因",
                en: "Reason of disqualification"),
            Field("grade", \.grade, .string(max: 20), zh: "等级", en: "Grade"),
            Field("points", \.points, .integer(-1_000_000...1_000_000), zh: "评分", en: "Points"),
            Field("ownerId", \.ownerId, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("teamId", \.teamId, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("businessLineId", \.businessLineId, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("assignmentRuleId", \.assignmentRuleId, .uuid, zh: "分配规则", en: "Assignment rule"),
            Field("nextStep", \.nextStep, .string(max: 500), zh: "下一步", en: "Next step"),
            Field("nextStepAt", \.nextStepAt, .timestamp, zh: "下一步时间", en: "Next step at"),
            Field("firstContactAt", \.firstContactAt, .timestamp, zh: "首次联系时间", en: "First contact at"),
            Field("lastActivityAt", \.lastActivityAt, .timestamp, zh: "最近跟进时间", en: "Last activity at"),
            Field("convertedAt", \.convertedAt, .timestamp, zh: "转化时间", en: "Converted at"),
            Field("accountId", \.accountId, .reference(to: "account"), zh: "客户", en: "Account"),
            Field("contactId", \.contactId, .reference(to: "contact"), zh: "联系人", en: "Contact"),
            Field("opportunityId", \.opportunityId, .reference(to: "opportunity"), zh: "商机", en: "Opportunity"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system"),
            Field("externalId", \.externalId, .string, zh: "外部编号", en: "External id"),
        ])
}
