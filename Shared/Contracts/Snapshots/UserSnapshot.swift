import Entities
import Foundation
import JSON
import Values

/// A user of the tenant, as events carry him.
public struct UserSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var username = ""
    public var name = ""
    public var email: String?
    public var phone: String?
    /// sales, manager, operations, service, executive or admin.
    public var role = "sales"
    public var teamId: UUID?
    public var isActive = true
    public var language = "zh"
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<UserSnapshot>(
        "user", zh: "用户", en: "User",
        headFields + [
            Field("username", \.username, .string, zh: "用户名", en: "User name"),
            Field("name", \.name, .string, zh: "姓名", en: "Name"),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail"),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone"),
            Field(
                "role", \.role, .string(max: 40), zh: "角色", en: "Role",
                help: "sales, manager, operations, service, executive or admin."),
            Field("teamId", \.teamId, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("isActive", \.isActive, .boolean, zh: "启用", en: "Active"),
            Field("language", \.language, .string(max: 10), zh: "语言", en: "Language"),
        ])
}
