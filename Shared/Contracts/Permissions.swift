/// What a person or machine does for the business unit; each has one role.
public enum Role: String, Sendable, Hashable, CaseIterable, Codable {
    case sales, manager, operations, service, executive, admin
}

/// Which records of an owned collection somebody sees.
public enum RecordScope: String, Sendable, Hashable, CaseIterable, Codable {
    /// Those owned by the person.
    case own
    /// Those of the person's team.
    case team
    /// Those of the person's team and of every team below it.
    case subtree
    /// Every record of the tenant.
    case all
}

/// The one permission matrix: role × permission, and what each role sees of owned records.
///
/// Gateway and services check against this table, API-key scopes narrow it, and `docs/permissions.md` is rendered
/// from it. A permission is named `<collection>.<act>`.
public enum PermissionMatrix {
    /// A line of the matrix: a permission, what it allows (zh, en), and who has it.
    public struct Line: Sendable, Equatable {
        public let permission: String
        public let chinese: String
        public let english: String
        public let roles: Set<Role>
    }

    public static let lines: [Line] = collections.flatMap(\.lines) + special

    /// The permissions of a role.
    public static func permissions(of role: Role) -> Set<String> { byRole[role] ?? [] }

    public static func allows(_ role: Role, _ permission: String) -> Bool {
        byRole[role]?.contains(permission) ?? false
    }

    /// What a role sees of owned records (leads, opportunities, accounts, …).
    public static func scope(of role: Role) -> RecordScope {
        switch role {
        case .sales: .own
        case .manager: .subtree
        case .operations, .service, .executive, .admin: .all
        }
    }

    /// Every permission that exists: what an API key's scopes may name.
    public static let all: Set<String> = Set(lines.map(\.permission))

    private static let byRole: [Role: Set<String>] = Dictionary(
        uniqueKeysWithValues: Role.allCases.map { role in
            (role, Set(lines.filter { $0.roles.contains(role) }.map(\.permission)))
        })

    // MARK: - The table

    private static let everyone = Set(Role.allCases)
    private static let managing: Set<Role> = [.manager, .operations, .admin]
    private static let configuring: Set<Role> = [.operations, .admin]

    /// A collection with its usual three permissions: read, write (create, change, acts) and delete (and restore).
    private struct Collection {
        let name: String
        let chinese: String
        let read: Set<Role>
        let write: Set<Role>
        let delete: Set<Role>

        var lines: [Line] {
            [
                Line(permission: "\(name).read", chinese: "查看\(chinese)", english: "see \(name)", roles: read),
                Line(
                    permission: "\(name).write", chinese: "新建和修改\(chinese)", english: "create and change \(name)",
                    roles: write),
                Line(
                    permission: "\(name).delete", chinese: "删除和恢复\(chinese)", english: "delete and restore \(name)",
                    roles: delete),
            ]
        }
    }

    private static let working: Set<Role> = [.sales, .manager, .operations, .service, .admin]

    private static let collections: [Collection] = [
        Collection(name: "leads", chinese: "线索", read: everyone, write: working, delete: managing),
        Collection(
            name: "opportunities", chinese: "商机", read: everyone, write: [.sales, .manager, .operations, .admin],
            delete: managing),
        Collection(name: "accounts", chinese: "客户", read: everyone, write: working, delete: managing),
        Collection(name: "contacts", chinese: "联系人", read: everyone, write: working, delete: managing),
        Collection(
            name: "orders", chinese: "订单", read: everyone, write: [.operations, .service, .admin], delete: configuring),
        Collection(name: "products", chinese: "产品", read: everyone, write: configuring, delete: configuring),
        Collection(name: "pipelines", chinese: "销售流程", read: everyone, write: configuring, delete: configuring),
        Collection(
            name: "contracts", chinese: "合同", read: everyone, write: [.sales, .manager, .operations, .admin],
            delete: managing),
        Collection(name: "targets", chinese: "目标", read: everyone, write: managing, delete: managing),
        Collection(name: "sources", chinese: "线索来源", read: everyone, write: configuring, delete: configuring),
        Collection(
            name: "assignment-rules", chinese: "分配规则", read: everyone, write: configuring, delete: configuring),
        Collection(name: "grade-rules", chinese: "评级规则", read: everyone, write: configuring, delete: configuring),
        Collection(name: "business-lines", chinese: "业务线", read: everyone, write: configuring, delete: configuring),
        Collection(name: "teams", chinese: "团队", read: everyone, write: [.admin], delete: [.admin]),
        Collection(name: "users", chinese: "用户", read: everyone, write: [.admin], delete: [.admin]),
        Collection(name: "api-keys", chinese: "接口密钥", read: [.admin], write: [.admin], delete: [.admin]),
    ]

    private static let special: [Line] = [
        Line(
            permission: "leads.assign", chinese: "分配线索", english: "assign leads to others", roles: managing),
        Line(
            permission: "leads.convert", chinese: "转化线索", english: "convert leads",
            roles: [.sales, .manager, .operations, .admin]),
        Line(
            permission: "opportunities.assign", chinese: "分配商机", english: "assign opportunities to others",
            roles: managing),
        Line(
            permission: "accounts.assign", chinese: "分配客户", english: "assign accounts to others", roles: managing),
        Line(
            permission: "policies.write", chinese: "修改查重与生命周期等策略",
            english: "change policies: duplicates, grades, lifecycle", roles: configuring),
        Line(
            permission: "custom-fields.write", chinese: "定义自定义字段", english: "define custom fields",
            roles: configuring),
        Line(
            permission: "import", chinese: "批量导入", english: "import in bulk", roles: managing),
        Line(
            permission: "backdate", chinese: "补录过去发生的事", english: "record acts with a date in the past",
            roles: configuring),
        Line(
            permission: "analytics.read", chinese: "查看报表（仅统计可见范围内的记录）",
            english: "see reports, of the records that one sees", roles: everyone),
    ]
}

extension PermissionMatrix {
    /// The matrix as the Markdown page `docs/permissions.md`.
    public static func markdown() -> String {
        var text = """
            # Permissions

            Rendered from `Shared/Contracts/Permissions.swift`; a test compares. API-key scopes narrow a role, they never \
            widen it. Platform operators are apart: they manage tenants and see none of their records.

            | permission | 说明 | meaning | \(Role.allCases.map(\.rawValue).joined(separator: " | ")) |
            |---|---|---|\(String(repeating: "---|", count: Role.allCases.count))

            """
        for line in lines {
            let marks = Role.allCases.map { line.roles.contains($0) ? "✓" : "" }.joined(separator: " | ")
            text += "| `\(line.permission)` | \(line.chinese) | \(line.english) | \(marks) |\n"
        }
        text += "| *sees of owned records* | 可见范围 | own, team, subtree or all | "
        text += Role.allCases.map { scope(of: $0).rawValue }.joined(separator: " | ") + " |\n"
        return text
    }
}
