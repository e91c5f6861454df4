import Contracts
import Entities
import Foundation
import JSON
import Values

/// A tenant's thresholds of the lifecycle; it has one, once it set its own.
struct LifecyclePolicy: Sendable, Hashable {
    var id: UUID
    /// 0 before it was told in events.
    var version: Int64 = 1
    var stableFromOrder = Int64(LifecycleThresholds().stableFromOrder)
    var atRiskAfterDays = Int64(LifecycleThresholds().atRiskAfterDays)
    var lostAfterDays = Int64(LifecycleThresholds().lostAfterDays)
    /// In the tenant's currency.
    var highValueFrom: Money?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    var thresholds: LifecycleThresholds {
        LifecycleThresholds(
            stableFromOrder: Int(stableFromOrder), atRiskAfterDays: Int(atRiskAfterDays),
            lostAfterDays: Int(lostAfterDays), highValueFrom: highValueFrom?.minorUnits)
    }

    /// Refuses numbers that contradict one another, and a value that orders do not add up in.
    func validate(currency: Currency) throws(Refusal) {
        try thresholds.validate()
        guard let given = highValueFrom?.currency, given != currency else { return }
        throw Refusal(rule: .noExchangeRate("/highValueFrom/currency", for: given.code, to: currency.code))
    }
}

extension LifecyclePolicy: Aggregate {
    init(id: UUID, at now: Timestamp) { self.init(id: id, createdAt: now, updatedAt: now) }

    static let catalogue = Entity<LifecyclePolicy>(
        "lifecyclePolicy", zh: "生命周期策略", en: "Lifecycle policy", custom: \.custom,
        headFields + [
            Field(
                "stableFromOrder", \.stableFromOrder, .integer(2...10_000), zh: "稳定所需订单数", en: "Stable from order",
                .required, help: "The order, counted from 1, that makes a customer stable."),
            Field(
                "atRiskAfterDays", \.atRiskAfterDays, .integer(1...36_500), zh: "预警天数", en: "At risk after days",
                .required, help: "Days after the last order."),
            Field(
                "lostAfterDays", \.lostAfterDays, .integer(2...36_500), zh: "流失天数", en: "Lost after days", .required,
                help: "Days after the last order."),
            Field(
                "highValueFrom", \.highValueFrom, .money, zh: "高价值金额", en: "High value from",
                help: "Sum of order amounts that makes a stable customer one of high value; null for none."),
        ])
}
