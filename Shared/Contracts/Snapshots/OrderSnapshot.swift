import Entities
import Foundation
import JSON
import Values

/// An order that another system told, as events carry it.
public struct OrderSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var accountId: UUID?
    public var externalSystem: String?
    public var externalId: String?
    /// In the tenant's time zone.
    public var orderedOn: CalendarDate?
    /// 0 is an order, too.
    public var amount: Money?
    /// placed, returned or cancelled.
    public var status = "placed"
    public var productId: UUID?
    public var quantity: Int64?
    public var opportunityId: UUID?
    public var ownerId: UUID?
    public var teamId: UUID?
    public var businessLineId: UUID?
    public var channel: String?
    public var description: String?
    /// The tenant's own fields.
    public var custom = JSONObject()
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<OrderSnapshot>(
        "order", zh: "订单", en: "Order", custom: \.custom,
        headFields + [
            Field("accountId", \.accountId, .reference(to: "account"), zh: "客户", en: "Account"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system"),
            Field("externalId", \.externalId, .string, zh: "外部编号", en: "External id"),
            Field("orderedOn", \.orderedOn, .date, zh: "订单日期", en: "Order date", help: "In the tenant's time zone."),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount", help: "0 is an order, too."),
            Field(
                "status", \.status, .string(max: 40), zh: "状态", en: "Status", help: "placed, returned or cancelled."),
            Field("productId", \.productId, .reference(to: "product"), zh: "产品", en: "Product"),
            Field("quantity", \.quantity, .integer, zh: "数量", en: "Quantity"),
            Field("opportunityId", \.opportunityId, .reference(to: "opportunity"), zh: "商机", en: "Opportunity"),
            Field("ownerId", \.ownerId, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("teamId", \.teamId, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("businessLineId", \.businessLineId, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("channel", \.channel, .string, zh: "渠道", en: "Channel"),
            Field("description", \.description, .text, zh: "描述", en: "Description"),
        ])
}
