import Entities
import Values

/// What happens to tenants.
public enum TenantEvents {
    public static let created = EventKind<TenantSnapshot, NoDetails>(
        "tenant.created", .gateway, zh: "新建租户。", en: "A tenant was made.")
    public static let updated = EventKind<TenantSnapshot, NoDetails>(
        "tenant.updated", .gateway, zh: "租户设置被修改。", en: "Settings of a tenant were changed.")
    public static let suspended = EventKind<TenantSnapshot, NoDetails>(
        "tenant.suspended", .gateway, zh: "租户被停用。", en: "A tenant was suspended.")
    public static let resumed = EventKind<TenantSnapshot, NoDetails>(
        "tenant.resumed", .gateway, zh: "租户恢复使用。", en: "A suspended tenant works again.")
    public static let deleted = EventKind<TenantSnapshot, NoDetails>(
        "tenant.deleted", .gateway, zh: "租户被删除。", en: "A tenant was deleted with all it had.")

    static let all = [
        created.definition, updated.definition, suspended.definition, resumed.definition, deleted.definition,
    ]
}

/// What happens to users.
public enum UserEvents {
    public static let created = EventKind<UserSnapshot, NoDetails>(
        "user.created", .gateway, zh: "新建用户。", en: "A user was made.")
    public static let updated = EventKind<UserSnapshot, NoDetails>(
        "user.updated", .gateway, zh: "用户被修改。", en: "A user was changed.")
    public static let deleted = EventKind<UserSnapshot, NoDetails>(
        "user.deleted", .gateway, zh: "用户被删除，可恢复。", en: "A user was deleted; it can be restored.")
    public static let restored = EventKind<UserSnapshot, NoDetails>(
        "user.restored", .gateway, zh: "用户被恢复。", en: "A deleted user was restored.")
    public static let deactivated = EventKind<UserSnapshot, NoDetails>(
        "user.deactivated", .gateway, zh: "用户被停用。", en: "A user may not log in any more.")
    public static let reactivated = EventKind<UserSnapshot, NoDetails>(
        "user.reactivated", .gateway, zh: "用户重新启用。", en: "A user may log in again.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition, deactivated.definition,
        reactivated.definition,
    ]
}

/// What happens to teams.
public enum TeamEvents {
    public static let created = EventKind<TeamSnapshot, NoDetails>(
        "team.created", .gateway, zh: "新建团队。", en: "A team was made.")
    public static let updated = EventKind<TeamSnapshot, NoDetails>(
        "team.updated", .gateway, zh: "团队被修改。", en: "A team was changed.")
    public static let deleted = EventKind<TeamSnapshot, NoDetails>(
        "team.deleted", .gateway, zh: "团队被删除，可恢复。", en: "A team was deleted; it can be restored.")
    public static let restored = EventKind<TeamSnapshot, NoDetails>(
        "team.restored", .gateway, zh: "团队被恢复。", en: "A deleted team was restored.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition,
    ]
}

/// What happens to business lines.
public enum BusinessLineEvents {
    public static let created = EventKind<BusinessLineSnapshot, NoDetails>(
        "business-line.created", .gateway, zh: "新建业务线。", en: "A business line was made.")
    public static let updated = EventKind<BusinessLineSnapshot, NoDetails>(
        "business-line.updated", .gateway, zh: "业务线被修改。", en: "A business line was changed.")
    public static let deleted = EventKind<BusinessLineSnapshot, NoDetails>(
        "business-line.deleted", .gateway, zh: "业务线被删除，可恢复。", en: "A business line was deleted; it can be restored.")
    public static let restored = EventKind<BusinessLineSnapshot, NoDetails>(
        "business-line.restored", .gateway, zh: "业务线被恢复。", en: "A deleted business line was restored.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition,
    ]
}
