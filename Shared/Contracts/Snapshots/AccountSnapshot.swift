import Entities
import Foundation
import JSON
import Values

/// A customer, as events carry it.
public struct AccountSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var code = ""
    public var name = ""
    /// company or person.
    public var kind = "company"
    public var aliases: [String] = []
    public var parentId: UUID?
    public var creditCode: String?
    public var industry: String?
    public var employees: Int64?
    public var annualRevenue: Money?
    public var country: String?
    public var region: String?
    public var address: String?
    public var phone: String?
    public var email: String?
    public var website: String?
    public var ownerId: UUID?
    public var teamId: UUID?
    public var businessLineId: UUID?
    public var source: String?
    public var leadId: UUID?
    /// potential, signed, developing, stable, highValue, atRisk, lost or wonBack.
    public var lifecycle = "potential"
    public var lifecycleSince: Timestamp?
    public var orderCount: Int64 = 0
    public var orderValue: Money?
    public var firstOrderDate: CalendarDate?
    public var lastOrderDate: CalendarDate?
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

    public static let catalogue = Entity<AccountSnapshot>(
        "account", zh: "客户", en: "Account", custom: \.custom,
        headFields + [
            Field("code", \.code, .string(max: 40), zh: "编码", en: "Code"),
            Field("name", \.name, .string(max: 300), zh: "名称", en: "Name"),
            Field("kind", \.kind, .string(max: 40), zh: "类型", en: "Kind", help: "company or person."),
            Field("aliases", \.aliases, .list(.string(max: 300), max: 50), zh: "别名", en: "Aliases"),
            Field("parentId", \.parentId, .reference(to: "account"), zh: "上级客户", en: "Parent"),
            Field("creditCode", \.creditCode, .string, zh: "统一社会信用代码", en: "Credit code"),
            Field("industry", \.industry, .string, zh: "行业", en: "Industry"),
            Field("employees", \.employees, .integer, zh: "员工数", en: "Employees"),
            Field("annualRevenue", \.annualRevenue, .money, zh: "年营收", en: "Annual revenue"),
            Field("country", \.country, .string, zh: "国家", en: "Country"),
            Field("region", \.region, .string, zh: "地区", en: "Region"),
            Field("address", \.address, .string(max: 500), zh: "地址", en: "Address"),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone"),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail"),
            Field("website", \.website, .url, zh: "网站", en: "Website"),
            Field("ownerId", \.ownerId, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("teamId", \.teamId, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("businessLineId", \.businessLineId, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("source", \.source, .string, zh: "来源", en: "Source"),
            Field("leadId", \.leadId, .reference(to: "lead"), zh: "线索", en: "Lead"),
            Field(
                "lifecycle", \.lifecycle, .string(max: 40), zh: "生命周期", en: "Lifecycle",
                help: "potential, signed, developing, stable, highValue, atRisk, lost or wonBack."),
            Field("lifecycleSince", \.lifecycleSince, .timestamp, zh: "进入时间", en: "In this state since"),
            Field("orderCount", \.orderCount, .integer, zh: "订单数", en: "Orders"),
            Field("orderValue", \.orderValue, .money(allowNegative: true), zh: "订单金额", en: "Value of orders"),
            Field("firstOrderDate", \.firstOrderDate, .date, zh: "首单日期", en: "First order"),
            Field("lastOrderDate", \.lastOrderDate, .date, zh: "最近订单日期", en: "Last order"),
            Field("description", \.description, .text, zh: "描述", en: "Description"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system"),
            Field("externalId", \.externalId, .string, zh: "外部编号", en: "External id"),
        ])
}
