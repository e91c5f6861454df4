import Entities
import Foundation
import Values

/// From which stage to which.
public struct StageMoved: CatalogueRecord {
    public var fromStage: String?
    public var toStage = ""
    public var secondsInStage: Int64?
    public var reason: String?
    /// May lie before the event, when it was recorded later.
    public var at: Timestamp?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<StageMoved>(
        "stageMoved", zh: "详情", en: "Details",
        [
            Field("fromStage", \.fromStage, .string(max: 40), zh: "原阶段", en: "Stage before"),
            Field("toStage", \.toStage, .string(max: 40), zh: "新阶段", en: "Stage after"),
            Field(
                "secondsInStage", \.secondsInStage, .integer(0...10_000_000_000), zh: "停留秒数",
                en: "Seconds spent in the stage before"),
            Field("reason", \.reason, .string(max: 1000), zh: "原因", en: "Reason"),
            Field(
                "at", \.at, .timestamp, zh: "发生时间", en: "When",
                help: "May lie before the event, when it was recorded later."),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// How it was won.
public struct OpportunityWon: CatalogueRecord {
    public var fromStage: String?
    public var reason: String?
    /// May lie before the event, when it was recorded later.
    public var at: Timestamp?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<OpportunityWon>(
        "opportunityWon", zh: "详情", en: "Details",
        [
            Field("fromStage", \.fromStage, .string(max: 40), zh: "原阶段", en: "Stage before"),
            Field("reason", \.reason, .string(max: 1000), zh: "原因", en: "Reason"),
            Field(
                "at", \.at, .timestamp, zh: "发生时间", en: "When",
                help: "May lie before the event, when it was recorded later."),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// Why it was lost, and to whom.
public struct OpportunityLost: CatalogueRecord {
    public var fromStage: String?
    public var reason: String?
    public var competitor: String?
    /// May lie before the event, when it was recorded later.
    public var at: Timestamp?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<OpportunityLost>(
        "opportunityLost", zh: "详情", en: "Details",
        [
            Field("fromStage", \.fromStage, .string(max: 40), zh: "原阶段", en: "Stage before"),
            Field("reason", \.reason, .string(max: 1000), zh: "原因", en: "Reason"),
            Field("competitor", \.competitor, .string, zh: "竞争对手", en: "Competitor"),
            Field(
                "at", \.at, .timestamp, zh: "发生时间", en: "When",
                help: "May lie before the event, when it was recorded later."),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// Why it is open again.
public struct OpportunityReopened: CatalogueRecord {
    public var fromStatus = "lost"
    public var toStage = ""
    public var reason: String?
    /// May lie before the event, when it was recorded later.
    public var at: Timestamp?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<OpportunityReopened>(
        "opportunityReopened", zh: "详情", en: "Details",
        [
            Field("fromStatus", \.fromStatus, .string(max: 40), zh: "原状态", en: "Status before"),
            Field("toStage", \.toStage, .string(max: 40), zh: "新阶段", en: "Stage after"),
            Field("reason", \.reason, .string(max: 1000), zh: "原因", en: "Reason"),
            Field(
                "at", \.at, .timestamp, zh: "发生时间", en: "When",
                help: "May lie before the event, when it was recorded later."),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// Who had it before.
public struct OwnerChanged: CatalogueRecord {
    public var fromOwnerId: UUID?
    public var fromTeamId: UUID?
    public var reason: String?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<OwnerChanged>(
        "ownerChanged", zh: "详情", en: "Details",
        [
            Field("fromOwnerId", \.fromOwnerId, .reference(to: "user"), zh: "原负责人", en: "Owner before"),
            Field("fromTeamId", \.fromTeamId, .reference(to: "team"), zh: "原团队", en: "Team before"),
            Field("reason", \.reason, .string(max: 1000), zh: "原因", en: "Reason"),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// With what a registration clashes.
public struct OpportunityRegistered: CatalogueRecord {
    /// Opportunities of others for the same customer that are protected, too.
    public var clashes: [UUID] = []
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<OpportunityRegistered>(
        "opportunityRegistered", zh: "详情", en: "Details",
        [
            Field(
                "clashes", \.clashes, .list(.reference(to: "opportunity"), max: 100), zh: "撞单", en: "Clashes",
                help: "Opportunities of others for the same customer that are protected, too."),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}

/// Why a registration stands or falls.
public struct OpportunityArbitrated: CatalogueRecord {
    /// The opportunity whose registration stands.
    public var keptId: UUID?
    public var reason: String?
    /// User or API key; null is the system.
    public var by: UUID?

    public init() {}

    public static let catalogue = Entity<OpportunityArbitrated>(
        "opportunityArbitrated", zh: "详情", en: "Details",
        [
            Field(
                "keptId", \.keptId, .reference(to: "opportunity"), zh: "保留的商机", en: "Kept",
                help: "The opportunity whose registration stands."),
            Field("reason", \.reason, .string(max: 1000), zh: "原因", en: "Reason"),
            Field("by", \.by, .uuid, zh: "操作人", en: "Who did it", help: "User or API key; null is the system."),
        ])
}
