import Entities
import Foundation
import Values

/// Where a registration 报备 stands.
enum Registration: String, Sendable, Hashable, CaseIterable {
    case registered
    /// It clashes with another's 撞单; somebody has to decide.
    case disputed
    /// Decided for the other.
    case rejected
}

extension Registration: LabelledChoice {
    var labels: (zh: String, en: String) {
        switch self {
        case .registered: ("已报备", "Registered")
        case .disputed: ("撞单待裁", "Disputed")
        case .rejected: ("未获保护", "Rejected")
        }
    }
}

extension Opportunity {
    /// Whether another's registration keeps this one off: the same customer, a product in common (or none named), another
    /// owner, and its protection has not ended.
    func clashes(with other: Opportunity, on day: CalendarDate) -> Bool {
        guard id != other.id, other.status == .open, other.deletedAt == nil, let accountID,
            accountID == other.accountID, ownerID != other.ownerID,
            other.isRegistered, other.isProtected(on: day)
        else { return false }
        let (mine, theirs) = (
            Set(productLines.compactMap(\.productID)), Set(other.productLines.compactMap(\.productID))
        )
        return mine.isEmpty || theirs.isEmpty || !mine.isDisjoint(with: theirs)
    }

    /// Registers it for its owner, for so many days from a day on; with a clash it is disputed.
    func registered(
        days: Int, clashing: Bool, on day: CalendarDate, at time: Timestamp
    ) throws(Refusal) -> Opportunity {
        guard status == .open else {
            throw Refusal(
                .state, "opportunityClosed", "The opportunity is \(status.rawValue); reopen it first.",
                zh: "商机已关闭，请先重新打开。")
        }
        guard accountID != nil, ownerID != nil else {
            throw Refusal(
                .rule, "required", at: accountID == nil ? "/accountId" : "/ownerId",
                "Only an opportunity of a customer, with an owner, can be registered.", zh: "报备的商机须有客户和负责人。")
        }
        var new = self
        // What stands already stands on: who came later is disputed.
        let stands = registration == .registered && isProtected(on: day)
        new.registration = clashing && !stands ? .disputed : .registered
        new.registeredAt = registration == nil ? time : registeredAt
        new.protectedUntil = day.adding(days: days)
        return new
    }

    /// Whether it stands or is disputed.
    var isRegistered: Bool { registration == .registered || registration == .disputed }

    private func isProtected(on day: CalendarDate) -> Bool { protectedUntil.map { $0 >= day } ?? false }

    /// Whether it meets the same others as before.
    func claimsTheSame(as old: Opportunity) -> Bool {
        (accountID, ownerID, status, deletedAt == nil) == (old.accountID, old.ownerID, old.status, old.deletedAt == nil)
            && productLines.map(\.productID) == old.productLines.map(\.productID)
    }

    /// Refuses to decide for what nobody protects: nothing would come of it.
    func checkArbitration(on day: CalendarDate) throws(Refusal) {
        guard status == .open, isRegistered, isProtected(on: day) else {
            throw Refusal(
                .state, "notRegistered", "It is closed, or no registration of it stands: register it first.",
                zh: "商机已关闭或没有有效的报备，请先报备。")
        }
    }

    /// The decision of an arbiter.
    func arbitrated(kept: Bool) -> Opportunity {
        var new = self
        new.registration = kept ? .registered : .rejected
        if !kept { new.protectedUntil = nil }
        return new
    }
}
