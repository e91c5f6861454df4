import Foundation
import JSON
import Values

/// An order 订单, a fact told by another system. The CRM never makes one up and never corrects one.
struct Order: Sendable, Hashable {
    enum Status: String, Sendable, Hashable, CaseIterable { case placed, returned, cancelled }

    var id: UUID
    var version: Int64 = 1
    var accountID: UUID?
    /// Unique within its system; an order told twice is one order.
    var externalSystem: String?
    var externalID: String?
    /// In the tenant's time zone.
    var orderedOn: CalendarDate
    /// 0 is allowed: samples and vouchers are orders.
    var amount: Money
    var status = Status.placed
    var productID: UUID?
    var quantity: Int64?
    var opportunityID: UUID?
    var ownerID: UUID?
    var teamID: UUID?
    var businessLineID: UUID?
    var channel: String?
    var description: String?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    /// Whether it counts for lifecycle and value.
    var isValid: Bool { status == .placed && deletedAt == nil }
}

/// What to do with an order that another system tells.
enum OrderDecision: Sendable, Hashable {
    case place(Order)
    /// The stored one with what changed; identity, creation and links that were not told are kept.
    case correct(Order)
    /// Told again, nothing new.
    case repeated(Order)

    /// Pure and idempotent: telling an order again changes nothing, telling it otherwise corrects it.
    ///
    /// - Parameters:
    ///   - existing: the order with the same external system and number, if any.
    ///   - told: what is known of it with what is told now.
    static func decide(existing: Order?, told: Order, today: CalendarDate) throws(Refusal) -> OrderDecision {
        guard told.amount.minorUnits >= 0 else {
            throw Refusal(
                .rule, "negativeAmount", at: "/amount", "An amount is 0 or more; tell a return as status returned.",
                zh: "金额不能为负；退货请将状态设为 returned。")
        }
        try check(told.orderedOn, today: today)
        guard let existing else { return .place(told) }
        guard existing.amount.currency == told.amount.currency else {
            throw Refusal(
                .rule, "currencyChanged", at: "/amount/currency",
                "The order is in \(existing.amount.currency.code); an order's currency cannot change.",
                zh: "订单币种为 \(existing.amount.currency.code)，不能更改。")
        }
        var merged = told
        merged.id = existing.id
        merged.version = existing.version
        merged.createdAt = existing.createdAt
        merged.updatedAt = existing.updatedAt
        merged.deletedAt = existing.deletedAt
        merged.opportunityID = told.opportunityID ?? existing.opportunityID
        merged.ownerID = told.ownerID ?? existing.ownerID
        merged.teamID = told.teamID ?? existing.teamID
        if merged == existing { return .repeated(existing) }
        merged.version += 1
        merged.updatedAt = told.updatedAt
        return .correct(merged)
    }

    static func check(_ orderedOn: CalendarDate, today: CalendarDate) throws(Refusal) {
        // One day of grace: the other system may stand in another time zone.
        guard orderedOn <= today.adding(days: 1) else {
            throw Refusal(.rule, "future", at: "/orderedOn", "The order's date lies in the future.", zh: "订单日期不能晚于今天。")
        }
    }

    /// The accounts whose lifecycle must be looked at again: both, when an order moves from one to the other.
    static func touchedAccounts(before: Order?, after: Order) -> Set<UUID> {
        Set([before?.accountID, after.accountID].compactMap { $0 })
    }
}
