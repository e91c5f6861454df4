import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Values

/// A person who works with the tenant's records.
struct User: Aggregate {
    var id: UUID
    var version: Int64 = 1
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?
    /// What the user types to log in; unique in the tenant whatever the case of its letters.
    var login = ""
    var name = ""
    var email: String?
    var phone: String?
    var role = Role.sales
    var teamID: UUID?
    /// Whom the user reports to.
    var managerID: UUID?
    var status = Status.active
    var language = Language.chinese
    var custom: JSONObject = [:]

    enum Status: String, LabelledChoice {
        case active, inactive

        var labels: (zh: String, en: String) {
            switch self {
            case .active: ("启用", "Active")
            case .inactive: ("停用", "Inactive")
            }
        }
    }

    init(id: UUID, at now: Timestamp) { (self.id, createdAt, updatedAt) = (id, now, now) }

    static let catalogue = Entity<User>(
        "user", zh: "用户", en: "User", custom: \.custom,
        headFields + [
            Field(
                "login", \.login, .string(max: 100), zh: "登录名", en: "Login", [.required, .unique, .searchable]),
            Field("name", \.name, .string, zh: "姓名", en: "Name", [.required, .searchable]),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail", [.searchable]),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone"),
            Field("role", \.role, .choice(of: Role.self), zh: "角色", en: "Role", [.required]),
            Field("teamId", \.teamID, .reference(to: "team"), zh: "团队", en: "Team", [.indexed]),
            Field("managerId", \.managerID, .reference(to: "user"), zh: "上级", en: "Manager"),
            Field("status", \.status, .choice(of: Status.self), zh: "状态", en: "Status"),
            Field("language", \.language, .choice(of: Language.self), zh: "语言", en: "Language"),
        ])
}

extension Language: LabelledChoice {
    public var labels: (zh: String, en: String) {
        switch self {
        case .chinese: ("中文", "Chinese")
        case .english: ("英文", "English")
        }
    }
}

extension Role: LabelledChoice {
    public var labels: (zh: String, en: String) {
        switch self {
        case .sales: ("销售", "Sales")
        case .manager: ("主管", "Manager")
        case .operations: ("运营", "Operations")
        case .service: ("服务", "Service")
        case .executive: ("高管", "Executive")
        case .admin: ("管理员", "Administrator")
        }
    }
}
