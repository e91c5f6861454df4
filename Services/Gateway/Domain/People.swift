import Contracts
import Entities
import Foundation
import JSON
import Values

/// A person who works with the system.
struct User: Aggregate {
    enum Status: String, Sendable, Hashable, CaseIterable { case active, inactive }

    var id: UUID
    var version: Int64 = 1
    var login = ""
    var name = ""
    var email: String?
    var phone: String?
    var role = Role.sales
    var teamID: UUID?
    var managerID: UUID?
    var status = Status.active
    var language = "zh"
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    init(id: UUID, at now: Timestamp) { (self.id, createdAt, updatedAt) = (id, now, now) }

    static let catalogue = Entity<User>(
        "user", zh: "用户", en: "User", custom: \.custom,
        headFields + [
            Field("login", \.login, .string(max: 100), zh: "登录名", en: "Login", [.required, .unique]),
            Field("name", \.name, .string, zh: "姓名", en: "Name", [.required, .searchable]),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail", .sensitive),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone", .sensitive),
            Field("role", \.role, .choice(of: Role.self), zh: "角色", en: "Role", .indexed),
            Field("teamId", \.teamID, .reference(to: "team"), zh: "团队", en: "Team", .indexed),
            Field("managerId", \.managerID, .reference(to: "user"), zh: "上级", en: "Manager"),
            Field("status", \.status, .choice(of: Status.self), zh: "状态", en: "Status"),
            Field(
                "language", \.language,
                .choice([Choice("zh", zh: "中文", en: "Chinese"), Choice("en", zh: "英文", en: "English")]),
                zh: "语言", en: "Language"),
        ])
}

extension Role: LabelledChoice {
    public var labels: (zh: String, en: String) {
        switch self {
        case .sales: ("销售", "Sales")
        case .manager: ("经理", "Manager")
        case .operations: ("运营", "Operations")
        case .service: ("客服", "Service")
        case .executive: ("高管", "Executive")
        case .admin: ("管理员", "Administrator")
        }
    }
}

extension User.Status: LabelledChoice {
    var labels: (zh: String, en: String) { self == .active ? ("在用", "Active") : ("停用", "Inactive") }
}

/// A team; teams form a tree.
struct Team: Aggregate {
    var id: UUID
    var version: Int64 = 1
    var name = ""
    var parentID: UUID?
    var managerID: UUID?
    var region: String?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    init(id: UUID, at now: Timestamp) { (self.id, createdAt, updatedAt) = (id, now, now) }

    static let catalogue = Entity<Team>(
        "team", zh: "团队", en: "Team", custom: \.custom,
        headFields + [
            Field("name", \.name, .string, zh: "名称", en: "Name", [.required, .unique]),
            Field("parentId", \.parentID, .reference(to: "team"), zh: "上级团队", en: "Parent"),
            Field("managerId", \.managerID, .reference(to: "user"), zh: "负责人", en: "Manager"),
            Field("region", \.region, .string, zh: "地区", en: "Region"),
        ])
}

/// A product line, region or channel with its own pipelines, rules and reports.
struct BusinessLine: Aggregate {
    var id: UUID
    var version: Int64 = 1
    var key = ""
    var name = ""
    var region: String?
    var isActive = true
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    init(id: UUID, at now: Timestamp) { (self.id, createdAt, updatedAt) = (id, now, now) }

    static let catalogue = Entity<BusinessLine>(
        "businessLine", zh: "业务线", en: "Business line", custom: \.custom,
        headFields + [
            Field("key", \.key, .string(max: 60), zh: "标识", en: "Key", [.required, .unique]),
            Field("name", \.name, .string, zh: "名称", en: "Name", .required),
            Field("region", \.region, .string, zh: "地区", en: "Region"),
            Field("isActive", \.isActive, .boolean, zh: "启用", en: "Active"),
        ])
}
