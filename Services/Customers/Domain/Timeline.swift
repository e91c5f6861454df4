import Entities
import Foundation
import JSON
import Values

/// What an entry of the timeline is about.
enum TimelineKind: String, Sendable, Hashable, CaseIterable {
    case account, contact, lead, opportunity, order
    /// A step of the lifecycle.
    case lifecycle
    /// A call, visit, message or note.
    case activity
}

extension TimelineKind: LabelledChoice {
    var labels: (zh: String, en: String) {
        switch self {
        case .account: ("客户", "Account")
        case .contact: ("联系人", "Contact")
        case .lead: ("线索", "Lead")
        case .opportunity: ("商机", "Opportunity")
        case .order: ("订单", "Order")
        case .lifecycle: ("生命周期", "Lifecycle")
        case .activity: ("跟进", "Activity")
        }
    }
}

/// An event of any service, as the timeline needs it.
struct ToldEvent: Sendable {
    let id: UUID
    /// `opportunity.won`
    let type: String
    /// The member of the data that holds the snapshot: `opportunity`.
    let aggregate: String
    let subject: UUID
    let sequence: Int64
    let time: Timestamp
    let actor: String?
    let data: JSON

    var snapshot: JSON { data[aggregate] ?? .null }
    var previous: JSONObject { data["previous"]?.object ?? [:] }
}

/// One thing that happened to a customer 时间线, whichever service told it.
struct TimelineEntry: Sendable, Hashable {
    /// The event that told it.
    var event: UUID
    /// 0, or 1 where the same event is told to the customer whom the subject left.
    var part: Int64 = 0
    /// nil until the subject belongs to a customer: a lead before its conversion.
    var account: UUID?
    var at: Timestamp
    /// Of two entries of one moment the cause comes first.
    var place: Int64 = 0
    var kind: TimelineKind
    /// The event's type.
    var type: String
    var subjectKind: String
    var subject: UUID
    /// The subject's version after it.
    var sequence: Int64
    var actor: String?
    var english: String
    var chinese: String
    /// A few facts of the event, for showing.
    var details: JSONObject
}

/// From whom to whom something went. The names are put into the sentence when it is read: the copy of the directory is no
/// part of what a timeline is made from, and a rebuild on another day would find other names, or none yet.
struct Handover: Sendable, Hashable {
    let from: UUID?
    let to: UUID?

    /// nil for what is no handing over, or to another team of the same owner.
    init?(_ entry: TimelineEntry) {
        guard entry.type.hasSuffix(".assigned"), entry.part == 0 else { return nil }
        func person(_ member: String) -> UUID? { entry.details[member]?.string.flatMap { UUID($0) } }
        (from, to) = (person("fromOwnerId"), person("ownerId"))
        if from == to { return nil }
    }

    var people: [UUID] { [from, to].compactMap(\.self) }

    /// What follows the sentence; nothing when nobody is known by name.
    func text(_ name: (UUID) -> String?) -> (en: String, zh: String) {
        switch (from.flatMap(name), to.flatMap(name)) {
        case (let from?, let to?): (" (from \(from) to \(to))", "（\(from) → \(to)）")
        case (nil, let to?): (" (to \(to))", "（现负责人：\(to)）")
        case (let from?, nil): (" (from \(from))", "（原负责人：\(from)）")
        case (nil, nil): ("", "")
        }
    }
}

/// A subject came to a customer: everything that happened to it before belongs to him, too.
struct TimelineLink: Sendable, Hashable {
    let subject: UUID
    let account: UUID?
}

/// What events mean for timelines. A function of each subject's own events in their order, so that it does not matter
/// how the topics of several services are interleaved, and a rebuild makes the same.
enum Timeline {
    /// The entries of an event: none for what a customer's history can do without.
    static func entries(of event: ToldEvent, zone: TimeZone) -> [TimelineEntry] {
        guard let summary = TimelineSummary(event) else { return [] }
        let entry = TimelineEntry(
            event: event.id, account: account(of: event), at: time(of: event, zone),
            place: event.type == "account.lifecycle-changed" ? 1 : 0, kind: summary.kind, type: event.type,
            subjectKind: event.aggregate, subject: event.subject, sequence: event.sequence, actor: event.actor,
            english: summary.english, chinese: summary.chinese, details: summary.details)
        guard let left = accountLeft(by: event) else { return [entry] }
        var farewell = entry
        (farewell.part, farewell.account) = (1, left)
        (farewell.english, farewell.chinese) = TimelineSummary.moved(event)
        return [entry, farewell]
    }

    /// Where the event brings its subject, with all that happened to it before; nil when it stays where it is. What
    /// happened at a contact's former company remains that company's.
    static func link(of event: ToldEvent) -> TimelineLink? {
        guard ["lead", "opportunity", "order"].contains(event.aggregate),
            event.previous["accountId"] != nil || event.type == "lead.converted"
        else { return nil }
        return TimelineLink(subject: event.subject, account: account(of: event))
    }

    private static func account(of event: ToldEvent) -> UUID? {
        if event.aggregate == "account" { return event.subject }
        return event.snapshot["accountId"]?.string.flatMap { UUID($0) }
    }

    private static func accountLeft(by event: ToldEvent) -> UUID? {
        guard event.aggregate != "account",
            let before = event.previous["accountId"]?.string.flatMap({ UUID($0) }),
            before != account(of: event)
        else { return nil }
        return before
    }

    /// When it happened: an act's own time, an order's day.
    private static func time(of event: ToldEvent, _ zone: TimeZone) -> Timestamp {
        if let at = event.data["at"]?.string.flatMap({ Timestamp($0) }) { return at }
        guard event.type == "order.created", let text = event.snapshot["orderedOn"]?.string,
            let day = CalendarDate(text), day != event.time.date(in: zone)
        else { return event.time }
        return day.start(in: zone)
    }
}
