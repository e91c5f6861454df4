import Foundation
import JSON
import Values

/// One thing that happened to a customer 时间线, whichever service told it.
struct TimelineEntry: Sendable, Hashable {
    /// Id of the event that told it: the same event is one entry.
    var id: String
    var accountID: UUID
    var contactID: UUID?
    var at: Timestamp
    /// The event's type, e.g. `opportunity.won`.
    var type: String
    /// What it happened to, with a link's worth of facts.
    var subjectKind: String
    var subjectID: UUID
    var actor: UUID?
    var titleEn: String
    var titleZh: String
    /// A few members of the event for showing.
    var facts: JSONObject
}

extension TimelineEntry {
    /// How an event reads in a timeline; nil for events that do not belong there.
    static func title(of type: String, name: String) -> (en: String, zh: String)? {
        switch type {
        case "account.created": ("Customer created: \(name)", "新建客户：\(name)")
        case "account.lifecycleChanged": ("Lifecycle: \(name)", "生命周期变更：\(name)")
        case "contact.created": ("Contact added: \(name)", "新增联系人：\(name)")
        case "lead.created": ("Lead came in: \(name)", "新线索：\(name)")
        case "lead.touched": ("Asked again: \(name)", "再次咨询：\(name)")
        case "lead.converted": ("Lead converted: \(name)", "线索转化：\(name)")
        case "lead.activityAdded": ("Contact with the lead: \(name)", "线索跟进：\(name)")
        case "opportunity.created": ("Opportunity opened: \(name)", "新建商机：\(name)")
        case "opportunity.moved": ("Opportunity moved: \(name)", "商机推进：\(name)")
        case "opportunity.won": ("Opportunity won: \(name)", "赢单：\(name)")
        case "opportunity.lost": ("Opportunity lost: \(name)", "丢单：\(name)")
        case "opportunity.reopened": ("Opportunity reopened: \(name)", "商机重新打开：\(name)")
        case "order.placed": ("Order: \(name)", "下单：\(name)")
        case "order.corrected": ("Order corrected: \(name)", "订单更正：\(name)")
        case "order.returned": ("Order returned: \(name)", "退货：\(name)")
        case "order.cancelled": ("Order cancelled: \(name)", "订单取消：\(name)")
        default: nil
        }
    }
}
