import Contracts
import Entities
import Foundation
import JSON
import Values

/// How an event reads in a timeline, in both languages.
struct TimelineSummary: Sendable, Hashable {
    let kind: TimelineKind
    let english: String
    let chinese: String
    let details: JSONObject

    /// nil for events that a customer's history can do without.
    init?(_ event: ToldEvent) {
        guard let aggregate = TimelineKind(rawValue: event.aggregate) else { return nil }
        let facts = Facts(event)
        guard let text = Self.text(facts, aggregate) else { return nil }
        (english, chinese) = (text.en, text.zh)
        switch event.type {
        case "account.lifecycle-changed": kind = .lifecycle
        case "lead.activity-added", "opportunity.activity-added": kind = .activity
        default: kind = aggregate
        }
        details = facts.details
    }

    /// To the customer whom a subject left.
    static func moved(_ event: ToldEvent) -> (en: String, zh: String) {
        let facts = Facts(event)
        let kind = TimelineKind(rawValue: event.aggregate)?.labels ?? (zh: event.aggregate, en: event.aggregate)
        return ("\(kind.en) went to another customer: \(facts.name)", "\(kind.zh)转至其他客户：\(facts.name)")
    }

    private typealias Text = (en: String, zh: String)

    private static func text(_ facts: Facts, _ aggregate: TimelineKind) -> Text? {
        switch aggregate {
        case .account: accountText(facts)
        case .lead: leadText(facts)
        case .opportunity: opportunityText(facts)
        case .order: orderText(facts)
        case .contact: usual(facts, ("Contact", "联系人"))
        case .lifecycle, .activity: nil
        }
    }

    private static func accountText(_ facts: Facts) -> Text? {
        switch facts.act {
        case "lifecycle-changed":
            let (before, after) = (facts.state("fromState"), facts.state("toState"))
            let reason = facts.reason
            return (
                "Lifecycle: \(before.en) → \(after.en)" + (reason.map { " (\($0.en))" } ?? ""),
                "生命周期：\(before.zh) → \(after.zh)" + (reason.map { "（\($0.zh)）" } ?? "")
            )
        case "assigned": return facts.handover(("Customer", "客户"))
        default: return usual(facts, ("Customer", "客户"))
        }
    }

    private static func leadText(_ facts: Facts) -> Text? {
        let from = facts.text("source").map { (en: " from \($0)", zh: "，来源 \($0)") } ?? (en: "", zh: "")
        switch facts.act {
        case "conversion-started": return nil
        case "created": return ("Lead came in\(from.en): \(facts.name)", "新线索\(from.zh)：\(facts.name)")
        case "touched": return ("Asked again\(from.en): \(facts.name)", "再次咨询\(from.zh)：\(facts.name)")
        case "converted": return ("Lead converted: \(facts.name)", "线索转化：\(facts.name)")
        case "conversion-failed":
            return ("Conversion refused: \(facts.name)\(facts.because.en)", "转化失败：\(facts.name)\(facts.because.zh)")
        case "status-changed":
            let (before, after) = (facts.status("fromStatus"), facts.status("toStatus"))
            return (
                "Lead \(before.en) → \(after.en): \(facts.name)\(facts.because.en)",
                "线索状态 \(before.zh) → \(after.zh)：\(facts.name)\(facts.because.zh)"
            )
        case "assigned": return facts.handover(("Lead", "线索"))
        case "graded":
            let grade = facts.text("grade") ?? "–"
            return ("Lead graded \(grade): \(facts.name)", "线索评级 \(grade)：\(facts.name)")
        case "activity-added": return facts.activity(("with the lead", "线索"))
        default: return usual(facts, ("Lead", "线索"))
        }
    }

    private static func opportunityText(_ facts: Facts) -> Text? {
        let amount = facts.money.map { ", \($0)" } ?? ""
        let (chineseAmount, name) = (amount.replacing(", ", with: "，"), facts.name)
        switch facts.act {
        case "created": return ("Opportunity opened: \(name)\(amount)", "新建商机：\(name)\(chineseAmount)")
        case "stage-moved":
            let (before, after) = facts.stages
            return (
                "Opportunity \(before.en) → \(after.en): \(name)", "商机阶段 \(before.zh) → \(after.zh)：\(name)"
            )
        case "won": return ("Opportunity won: \(name)\(amount)", "赢单：\(name)\(chineseAmount)")
        case "lost":
            let to = facts.data["competitor"]?.string.map { (en: " to \($0)", zh: "，竞争对手 \($0)") } ?? (en: "", zh: "")
            return (
                "Opportunity lost\(to.en): \(name)\(facts.because.en)", "丢单：\(name)\(to.zh)\(facts.because.zh)"
            )
        case "reopened":
            return ("Opportunity reopened: \(name)\(facts.because.en)", "商机重新打开：\(name)\(facts.because.zh)")
        case "assigned": return facts.handover(("Opportunity", "商机"))
        case "activity-added": return facts.activity(("with the opportunity", "商机"))
        default: return usual(facts, ("Opportunity", "商机"))
        }
    }

    private static func orderText(_ facts: Facts) -> Text? {
        let amount = facts.money.map { ", \($0)" } ?? ""
        let (chineseAmount, name) = (amount.replacing(", ", with: "，"), facts.name)
        switch facts.act {
        case "created": return ("Order: \(name)\(amount)", "下单：\(name)\(chineseAmount)")
        case "updated":
            guard let changed = facts.changed else { return nil }
            return (
                "Order corrected (\(changed.en)): \(name)\(amount)", "订单更正（\(changed.zh)）：\(name)\(chineseAmount)"
            )
        case "returned": return ("Order returned: \(name)\(amount)", "退货：\(name)\(chineseAmount)")
        case "cancelled": return ("Order cancelled: \(name)\(amount)", "订单取消：\(name)\(chineseAmount)")
        default: return usual(facts, ("Order", "订单"))
        }
    }

    /// What happens to every kind of thing; for a kind of event of a later version what the catalogue says of it.
    private static func usual(_ facts: Facts, _ noun: Text) -> Text? {
        let name = facts.name
        switch facts.act {
        case "created": return ("\(noun.en) added: \(name)", "新增\(noun.zh)：\(name)")
        case "updated":
            guard let changed = facts.changed else { return nil }
            return ("\(noun.en) changed (\(changed.en)): \(name)", "\(noun.zh)修改（\(changed.zh)）：\(name)")
        case "deleted": return ("\(noun.en) deleted: \(name)", "删除\(noun.zh)：\(name)")
        case "restored": return ("\(noun.en) restored: \(name)", "恢复\(noun.zh)：\(name)")
        default:
            guard let definition = facts.definition else { return nil }
            return ("\(definition.en) \(name)", "\(definition.zh)\(name)")
        }
    }
}

/// What summaries say of an event.
private struct Facts {
    let data: JSON
    let act: String
    let definition: EventDefinition?
    private let aggregate: String
    private let snapshot: JSON
    private let previous: JSONObject

    init(_ event: ToldEvent) {
        (data, snapshot, previous, aggregate) = (event.data, event.snapshot, event.previous, event.aggregate)
        act = String(event.type.drop { $0 != "." }.dropFirst())
        definition = EventCatalogue[type: event.type]
    }

    func text(_ member: String) -> String? { snapshot[member]?.string }
    func detail(_ member: String) -> String { data[member]?.string ?? "–" }

    var name: String {
        let names = ["name", "company", "person", "phone", "email", "externalId"].lazy.compactMap(text)
        return names.first ?? text("id").map { String($0.prefix(8)) } ?? "–"
    }

    /// `10.00 USD`
    var money: String? {
        guard let amount = snapshot["amount"]?["amount"]?.string,
            let currency = snapshot["amount"]?["currency"]?.string
        else { return nil }
        return "\(amount) \(currency)"
    }

    var because: (en: String, zh: String) {
        if let en = data["refusal"]?["en"]?.string, let zh = data["refusal"]?["zh"]?.string {
            return (" (\(en.prefix(200)))", "（\(zh.prefix(200))）")
        }
        guard let reason = data["reason"]?.string else { return ("", "") }
        return (" (\(reason.prefix(200)))", "（\(reason.prefix(200))）")
    }

    func state(_ member: String) -> (zh: String, en: String) {
        let text = detail(member)
        return LifecycleState(rawValue: text)?.labels ?? (zh: text, en: text)
    }

    func status(_ member: String) -> (zh: String, en: String) {
        let text = detail(member)
        return LeadStatus(rawValue: text)?.labels ?? (zh: text, en: text)
    }

    /// Where it was and where it is, by the names that the stages had then. What a change leaves as it was is not among
    /// the old values. Releases that told no names in both languages told the Chinese one: English has the key then.
    var stages: (before: (en: String, zh: String), after: (en: String, zh: String)) {
        let (names, name) = (snapshot["stageNames"], snapshot["stageName"])
        return (
            Self.stage(detail("fromStage"), previous["stageNames"] ?? names, previous["stageName"] ?? name),
            Self.stage(detail("toStage"), names, name)
        )
    }

    private static func stage(_ key: String, _ names: JSON?, _ chinese: JSON?) -> (en: String, zh: String) {
        (names?["en"]?.string ?? key, names?["zh"]?.string ?? chinese?.string ?? key)
    }

    /// To whom is said when it is read: see ``Handover``.
    func handover(_ noun: (en: String, zh: String)) -> (en: String, zh: String) {
        guard snapshot["ownerId"] != data["fromOwnerId"] else {
            return ("\(noun.en) given to another team: \(name)", "\(noun.zh)更换团队：\(name)")
        }
        return ("\(noun.en) has another owner: \(name)", "\(noun.zh)更换负责人：\(name)")
    }

    /// Of a step of the lifecycle.
    var reason: (en: String, zh: String)? {
        let known = data["reasonCode"]?.string.flatMap {
            LifecycleStanding.Reason(code: $0, number: data["reasonNumber"]?.int)
        }
        return known.map { ($0.text(language: "en"), $0.text(language: "zh")) }
    }

    func activity(_ with: (en: String, zh: String)) -> (en: String, zh: String) {
        let kind = detail("kind")
        let said = [data["text"]?.string, data["outcome"]?.string].compactMap(\.self).first.map { $0.prefix(200) }
        let (zh, en) = Activity.Kind(rawValue: kind)?.labels ?? (zh: kind, en: kind)
        return (
            "\(en) \(with.en) \(name)" + (said.map { ": \($0)" } ?? ""),
            "\(with.zh)\(zh) \(name)" + (said.map { "：\($0)" } ?? "")
        )
    }

    /// What other events tell or nobody would miss.
    private static let quiet: Set<String> = [
        "orderCount", "orderValue", "firstOrderDate", "lastOrderDate", "lifecycle", "lifecycleSince", "version",
        "createdAt", "updatedAt", "winRate", "stageEnteredAt", "stageNames", "points",
    ]

    /// The labels of the fields that changed; nil when none is worth telling.
    var changed: (en: String, zh: String)? {
        let names = previous.names.filter { !Self.quiet.contains($0) }
        guard !names.isEmpty else { return nil }
        let labels = names.map { name in
            definition?.snapshot[name].map { (en: $0.en, zh: $0.zh) } ?? (en: name, zh: name)
        }
        return (labels.map(\.0).joined(separator: ", "), labels.map(\.1).joined(separator: "、"))
    }

    private static let shown: [String: [String]] = [
        "lead": ["source", "status", "grade", "opportunityId", "contactId", "ownerId"],
        "opportunity": ["code", "stage", "status", "amount", "closeDate", "ownerId"],
        "order": ["externalSystem", "externalId", "orderedOn", "amount", "status", "opportunityId"],
        "contact": ["name", "title"], "account": ["code", "lifecycle", "ownerId"],
    ]

    var details: JSONObject {
        var details: [JSONObject.Member] = []
        for member in Self.shown[aggregate] ?? [] { details.append((member, snapshot[member] ?? .null)) }
        for field in definition?.details.fields ?? [] where !details.contains(where: { $0.name == field.name }) {
            details.append((field.name, data[field.name] ?? .null))
        }
        if act == "updated" { details.append(("changed", previous.names.filter { !Self.quiet.contains($0) }.json)) }
        return JSONObject(distinct: details)
    }
}
