import Entities
import Values

/// What happens to accounts.
public enum AccountEvents {
    public static let created = EventKind<AccountSnapshot, NoDetails>(
        "account.created", .customers, zh: "新建客户。", en: "An account was made.")
    public static let updated = EventKind<AccountSnapshot, NoDetails>(
        "account.updated", .customers, zh: "客户被修改。", en: "An account was changed.")
    public static let deleted = EventKind<AccountSnapshot, NoDetails>(
        "account.deleted", .customers, zh: "客户被删除，可恢复。", en: "An account was deleted; it can be restored.")
    public static let restored = EventKind<AccountSnapshot, NoDetails>(
        "account.restored", .customers, zh: "客户被恢复。", en: "A deleted account was restored.")
    public static let lifecycleChanged = EventKind<AccountSnapshot, AccountLifecycleChanged>(
        "account.lifecycle-changed", .customers, zh: "客户生命周期状态改变。",
        en: "A customer came to another state of his lifecycle.")
    public static let assigned = EventKind<AccountSnapshot, OwnerChanged>(
        "account.assigned", .customers, zh: "客户更换负责人。", en: "An account was given to another owner.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition, lifecycleChanged.definition,
        assigned.definition,
    ]
}

/// What happens to contacts.
public enum ContactEvents {
    public static let created = EventKind<ContactSnapshot, NoDetails>(
        "contact.created", .customers, zh: "新建联系人。", en: "A contact was made.")
    public static let updated = EventKind<ContactSnapshot, NoDetails>(
        "contact.updated", .customers, zh: "联系人被修改。", en: "A contact was changed.")
    public static let deleted = EventKind<ContactSnapshot, NoDetails>(
        "contact.deleted", .customers, zh: "联系人被删除，可恢复。", en: "A contact was deleted; it can be restored.")
    public static let restored = EventKind<ContactSnapshot, NoDetails>(
        "contact.restored", .customers, zh: "联系人被恢复。", en: "A deleted contact was restored.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition,
    ]
}

/// What happens to orders.
public enum OrderEvents {
    public static let created = EventKind<OrderSnapshot, NoDetails>(
        "order.created", .customers, zh: "新建订单。", en: "An order was made.")
    public static let updated = EventKind<OrderSnapshot, NoDetails>(
        "order.updated", .customers, zh: "订单被修改。", en: "An order was changed.")
    public static let deleted = EventKind<OrderSnapshot, NoDetails>(
        "order.deleted", .customers, zh: "订单被删除，可恢复。", en: "An order was deleted; it can be restored.")
    public static let restored = EventKind<OrderSnapshot, NoDetails>(
        "order.restored", .customers, zh: "订单被恢复。", en: "A deleted order was restored.")
    public static let returned = EventKind<OrderSnapshot, NoDetails>(
        "order.returned", .customers, zh: "订单退货。", en: "An order was returned.")
    public static let cancelled = EventKind<OrderSnapshot, NoDetails>(
        "order.cancelled", .customers, zh: "订单取消。", en: "An order was cancelled.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition, returned.definition,
        cancelled.definition,
    ]
}

/// What happens to a tenant's thresholds of the lifecycle.
public enum LifecyclePolicyEvents {
    public static let created = EventKind<LifecyclePolicySnapshot, NoDetails>(
        "lifecycle-policy.created", .customers, zh: "首次设置生命周期阈值。", en: "A tenant set its own thresholds.")
    public static let updated = EventKind<LifecyclePolicySnapshot, NoDetails>(
        "lifecycle-policy.updated", .customers, zh: "生命周期阈值被修改。", en: "A tenant changed its thresholds.")

    static let all = [created.definition, updated.definition]
}
