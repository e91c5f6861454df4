import Entities
import Foundation
import Values

/// Something done with a lead or an opportunity 跟进.
public struct Activity: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case call, visit, message, note

        /// A note is written to oneself; the others reach the other side.
        public var isContact: Bool { self != .note }
    }

    public var id: UUID
    public var kind: Kind
    public var text: String?
    /// What came of it, in the tenant's words.
    public var outcome: String?
    public var at: Timestamp
    public var by: UUID?

    public init(id: UUID, kind: Kind, text: String?, outcome: String?, at: Timestamp, by: UUID?) {
        (self.id, self.kind, self.text, self.outcome, self.at, self.by) = (id, kind, text, outcome, at, by)
    }

    /// Refuses a note of nothing.
    public func validate() throws(Refusal) {
        guard text != nil || outcome != nil || kind.isContact else {
            throw Refusal(.rule, "required", at: "/text", "A note needs text.", zh: "备注须有内容。")
        }
    }

    /// What the event `….activity-added` tells.
    public var details: ActivityAdded {
        var details = ActivityAdded()
        (details.activityId, details.kind, details.text, details.outcome) = (id, kind.rawValue, text, outcome)
        (details.at, details.by) = (at, by)
        return details
    }
}

extension Activity.Kind: LabelledChoice {
    public var labels: (zh: String, en: String) {
        switch self {
        case .call: ("电话", "Call")
        case .visit: ("拜访", "Visit")
        case .message: ("消息", "Message")
        case .note: ("备注", "Note")
        }
    }
}
