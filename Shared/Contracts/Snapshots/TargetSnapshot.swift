import Entities
import Foundation
import JSON
import Values

/// A goal of a period, as events carry it.
public struct TargetSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    /// 2026, 2026-Q4 or 2026-11.
    public var period = ""
    public var amount: Money?
    public var ownerId: UUID?
    public var teamId: UUID?
    public var businessLineId: UUID?
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<TargetSnapshot>(
        "target", zh: "目标", en: "Target",
        headFields + [
            Field("period", \.period, .string(max: 10), zh: "期间", en: "Period", help: "2026, 2026-Q4 or 2026-11."),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount"),
            Field("ownerId", \.ownerId, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("teamId", \.teamId, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("businessLineId", \.businessLineId, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
        ])
}
