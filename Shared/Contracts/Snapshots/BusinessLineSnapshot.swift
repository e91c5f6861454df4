import Entities
import Foundation
import JSON
import Values

/// A business line of the tenant, as events carry it.
public struct BusinessLineSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var key = ""
    public var name = ""
    public var region: String?
    public var isActive = true
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<BusinessLineSnapshot>(
        "businessLine", zh: "业务线", en: "Business line",
        headFields + [
            Field("key", \.key, .string(max: 60), zh: "标识", en: "Key"),
            Field("name", \.name, .string, zh: "名称", en: "Name"),
            Field("region", \.region, .string, zh: "地区", en: "Region"),
            Field("isActive", \.isActive, .boolean, zh: "启用", en: "Active"),
        ])
}
