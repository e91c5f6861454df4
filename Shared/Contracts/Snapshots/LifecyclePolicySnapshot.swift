import Entities
import Foundation
import JSON
import Values

/// A tenant's thresholds of the lifecycle, as events carry them.
public struct LifecyclePolicySnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var stableFromOrder: Int64 = 9
    public var atRiskAfterDays: Int64 = 90
    public var lostAfterDays: Int64 = 180
    /// Null where no value makes a customer one of high value.
    public var highValueFrom: Money?
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Never set: a policy is changed, not deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<LifecyclePolicySnapshot>(
        "lifecyclePolicy", zh: "生命周期策略", en: "Lifecycle policy",
        headFields + [
            Field("stableFromOrder", \.stableFromOrder, .integer, zh: "稳定所需订单数", en: "Stable from order"),
            Field("atRiskAfterDays", \.atRiskAfterDays, .integer, zh: "预警天数", en: "At risk after days"),
            Field("lostAfterDays", \.lostAfterDays, .integer, zh: "流失天数", en: "Lost after days"),
            Field(
                "highValueFrom", \.highValueFrom, .money, zh: "高价值金额", en: "High value from",
                help: "Null where no value makes a customer one of high value."),
        ])
}
