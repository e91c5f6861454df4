import Contracts
import Foundation
import Values

/// A valid order as the lifecycle counts it.
struct CountedOrder: Sendable, Hashable {
    let date: CalendarDate
    let minorUnits: Int64
}

/// The valid orders of one account: those that a change moves each by itself, all others summed up, however many they
/// are.
struct AccountOrders: Sendable, Hashable {
    /// What is known of orders without knowing each.
    struct Others: Sendable, Hashable {
        var count = 0
        /// Of those up to today.
        var countToday = 0
        /// In minor units, at most ``Money/bound``.
        var value: Int64 = 0
        var first: CalendarDate?
        var last: CalendarDate?
        /// The last two up to today, the later one first.
        var latest: [CalendarDate] = []
        /// The first after today.
        var next: CalendarDate?
    }

    var others = Others()
    private(set) var moved: [UUID: CountedOrder] = [:]

    subscript(id: UUID) -> CountedOrder? {
        get { moved[id] }
        set { moved[id] = newValue }
    }

    var count: Int { others.count + moved.count }
    /// As much as an amount can tell: more money nobody has.
    var value: Int64 { min(([others.value] + moved.values.map(\.minorUnits)).sum { $0 }, Money.bound) }
    var first: CalendarDate? { ([others.first] + moved.values.map(\.date)).compactMap(\.self).min() }
    var last: CalendarDate? { ([others.last] + moved.values.map(\.date)).compactMap(\.self).max() }

    /// Another system's day may be ahead of ours: such an order counts from its day on.
    func next(after today: CalendarDate) -> CalendarDate? {
        ([others.next] + moved.values.map(\.date).filter { $0 > today }).compactMap(\.self).min()
    }

    /// - Parameter today: the day as of which the others were summed up.
    func summary(asOf today: CalendarDate) -> OrderSummary {
        let dates = moved.values.map(\.date).filter { $0 <= today }
        let latest = (others.latest + dates).sorted(by: >)
        return OrderSummary(
            count: others.countToday + dates.count, last: latest.first, previous: latest.dropFirst().first,
            value: value)
    }
}
