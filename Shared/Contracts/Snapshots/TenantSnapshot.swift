import Entities
import Foundation
import JSON
import Values

/// A tenant, as events carry it. Its id is no UUID: it names schemas and roles, too.
public struct TenantSnapshot: CatalogueRecord {
    public var id = ""
    public var version: Int64 = 1
    /// What people type to log in: `hardware`.
    public var slug = ""
    public var name = ""
    /// active, suspended or deleted.
    public var status = "active"
    /// Of the IANA database: `Asia/Shanghai`.
    public var timeZone = "Asia/Shanghai"
    public var currency = "CNY"
    /// The industry template it was made from.
    public var industry: String?
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)

    public init() {}

    public static let catalogue = Entity<TenantSnapshot>(
        "tenant", zh: "租户", en: "Tenant",
        [
            Field("id", \.id, .string(max: 16), zh: "编号", en: "Id"),
            Field("version", \.version, .integer, zh: "版本", en: "Version"),
            Field("slug", \.slug, .string(max: 60), zh: "短名", en: "Slug"),
            Field("name", \.name, .string, zh: "名称", en: "Name"),
            Field("status", \.status, .string(max: 40), zh: "状态", en: "Status", help: "active, suspended or deleted."),
            Field("timeZone", \.timeZone, .string(max: 60), zh: "时区", en: "Time zone"),
            Field("currency", \.currency, .string(max: 3), zh: "币种", en: "Currency"),
            Field("industry", \.industry, .string, zh: "行业", en: "Industry"),
            Field("createdAt", \.createdAt, .timestamp, zh: "创建时间", en: "Created at"),
            Field("updatedAt", \.updatedAt, .timestamp, zh: "更新时间", en: "Updated at"),
        ])
}
