import Entities
import Foundation
import JSON
import Values

/// Something that is sold, as events carry it.
public struct ProductSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var name = ""
    public var series: String?
    public var listPrice: Money?
    public var aliases: [String] = []
    public var isActive = true
    public var externalSystem: String?
    public var externalId: String?
    /// The tenant's own fields.
    public var custom = JSONObject()
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<ProductSnapshot>(
        "product", zh: "产品", en: "Product", custom: \.custom,
        headFields + [
            Field("name", \.name, .string, zh: "名称", en: "Name"),
            Field("series", \.series, .string, zh: "系列", en: "Series"),
            Field("listPrice", \.listPrice, .money, zh: "目录价", en: "List price"),
            Field("aliases", \.aliases, .list(.string, max: 50), zh: "别名", en: "Aliases"),
            Field("isActive", \.isActive, .boolean, zh: "在售", en: "Active"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system"),
            Field("externalId", \.externalId, .string, zh: "外部编号", en: "External id"),
        ])
}
