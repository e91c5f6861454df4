import Entities
import Foundation
import JSON
import Values

/// A person at a customer, as events carry him.
public struct ContactSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var accountId: UUID?
    public var name = ""
    public var title: String?
    public var department: String?
    public var phone: String?
    public var email: String?
    public var isPrimary = false
    public var ownerId: UUID?
    public var teamId: UUID?
    public var leadId: UUID?
    public var description: String?
    public var externalSystem: String?
    public var externalId: String?
    /// The tenant's own fields.
    public var custom = JSONObject()
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<ContactSnapshot>(
        "contact", zh: "联系人", en: "Contact", custom: \.custom,
        headFields + [
            Field("accountId", \.accountId, .reference(to: "account"), zh: "客户", en: "Account"),
            Field("name", \.name, .string, zh: "姓名", en: "Name"),
            Field("title", \.title, .string, zh: "职务", en: "Title"),
            Field("department", \.department, .string, zh: "部门", en: "Department"),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone"),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail"),
            Field("isPrimary", \.isPrimary, .boolean, zh: "主要联系人", en: "Primary"),
            Field("ownerId", \.ownerId, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("teamId", \.teamId, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("leadId", \.leadId, .reference(to: "lead"), zh: "线索", en: "Lead"),
            Field("description", \.description, .text, zh: "描述", en: "Description"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system"),
            Field("externalId", \.externalId, .string, zh: "外部编号", en: "External id"),
        ])
}
