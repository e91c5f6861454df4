import Contracts
import Foundation
import Values

/// A customer's step from one lifecycle state to another: the event's content.
struct LifecycleChange: Sendable, Hashable {
    let accountID: UUID
    let from: LifecycleState
    let to: LifecycleState
    let reason: LifecycleStanding.Reason
    /// Orders counted when it changed.
    let orders: Int
    let asOf: CalendarDate
    /// When time alone will change it next.
    let nextCheck: CalendarDate?

    /// The change that orders or the passing of time bring, nil when the state stays.
    static func decide(
        accountID: UUID, current: LifecycleState, orders: OrderSummary, thresholds: LifecycleThresholds,
        asOf: CalendarDate
    ) -> LifecycleChange? {
        let standing = LifecycleStanding(orders, thresholds, asOf: asOf)
        guard standing.state != current else { return nil }
        return LifecycleChange(
            accountID: accountID, from: current, to: standing.state, reason: standing.reason, orders: orders.count,
            asOf: asOf, nextCheck: standing.nextCheck)
    }
}
