import Entities
import Foundation
import JSON
import Values

/// A team, as events carry it.
public struct TeamSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var name = ""
    public var parentId: UUID?
    public var managerId: UUID?
    public var region: String?
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<TeamSnapshot>(
        "team", zh: "团队", en: "Team",
        headFields + [
            Field("name", \.name, .string, zh: "名称", en: "Name"),
            Field("parentId", \.parentId, .reference(to: "team"), zh: "上级团队", en: "Parent"),
            Field("managerId", \.managerId, .reference(to: "user"), zh: "负责人", en: "Manager"),
            Field("region", \.region, .string, zh: "地区", en: "Region"),
        ])
}
