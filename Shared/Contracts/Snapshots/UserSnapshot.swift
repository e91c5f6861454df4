import Entities
import Foundation
import JSON
import Values

/// A user of the tenant, as events carry him.
public struct UserSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    /// What the user types to log in; unique in the tenant.
    public var login = ""
    public var name = ""
    public var email: String?
    public var phone: String?
    /// sales, manager, operations, service, executive or admin.
    public var role = "sales"
    public var teamId: UUID?
    /// Whom the user reports to.
    public var managerId: UUID?
    /// active or inactive.
    public var status = "active"
    public var language = "zh"
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<UserSnapshot>(
        "user", zh: "用户", en: "User",
        headFields + [
            Field("login", \.login, .string(max: 100), zh: "登录名", en: "Login"),
            Field("name", \.name, .string, zh: "姓名", en: "Name"),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail"),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone"),
            Field(
                "role", \.role, .string(max: 40), zh: "角色", en: "Role",
                help: "sales, manager, operations, service, executive or admin."),
            Field("teamId", \.teamId, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("managerId", \.managerId, .reference(to: "user"), zh: "上级", en: "Manager"),
            Field("status", \.status, .string(max: 40), zh: "状态", en: "Status", help: "active or inactive."),
            Field("language", \.language, .string(max: 10), zh: "语言", en: "Language"),
        ])
}
