import Entities
import Values

/// Where a customer stands 客户生命周期. A function of his valid orders, the tenant's thresholds and a day: customers
/// decides by it as orders arrive and time passes, analytics answers by it for any past day.
public enum LifecycleState: String, Sendable, Hashable, CaseIterable, Codable {
    /// No valid order yet 潜在.
    case potential
    /// One order 首单.
    case signed
    /// More orders, fewer than make him stable 成长.
    case developing
    case stable
    /// Stable, and worth more than the tenant's threshold 高价值.
    case highValue
    /// Silent for longer than he should be 流失预警.
    case atRisk
    case lost
    /// His last order ended a silence of the lost 赢回; the next one counts as usual again.
    case wonBack
}

extension LifecycleState: LabelledChoice {
    public var labels: (zh: String, en: String) {
        switch self {
        case .potential: ("潜在", "Potential")
        case .signed: ("首单", "Signed")
        case .developing: ("成长", "Developing")
        case .stable: ("稳定", "Stable")
        case .highValue: ("高价值", "High value")
        case .atRisk: ("流失预警", "At risk")
        case .lost: ("流失", "Lost")
        case .wonBack: ("赢回", "Won back")
        }
    }
}

/// A tenant's numbers for the lifecycle.
public struct LifecycleThresholds: Sendable, Hashable, Codable {
    /// The order (counted from 1) that makes a customer stable.
    public var stableFromOrder: Int
    /// Days after the last order from which he is at risk.
    public var atRiskAfterDays: Int
    /// Days after the last order from which he is lost.
    public var lostAfterDays: Int
    /// Sum of order amounts, in minor units of the tenant's currency, that makes a stable customer one of high value.
    public var highValueFrom: Int64?

    public init(
        stableFromOrder: Int = 9, atRiskAfterDays: Int = 90, lostAfterDays: Int = 180, highValueFrom: Int64? = nil
    ) {
        self.stableFromOrder = stableFromOrder
        self.atRiskAfterDays = atRiskAfterDays
        self.lostAfterDays = lostAfterDays
        self.highValueFrom = highValueFrom
    }

    /// Refuses numbers that contradict one another.
    public func validate() throws(Refusal) {
        guard (2...10_000).contains(stableFromOrder) else {
            throw Refusal(
                .rule, "outOfRange", at: "/stableFromOrder", "stableFromOrder is 2 to 10000.",
                zh: "stableFromOrder 须在 2 至 10000 之间。")
        }
        guard atRiskAfterDays >= 1, atRiskAfterDays < lostAfterDays, lostAfterDays <= 36_500 else {
            throw Refusal(
                .rule, "outOfRange", at: "/lostAfterDays",
                "Days are at least 1, and lostAfterDays exceeds atRiskAfterDays.",
                zh: "天数至少为 1，且 lostAfterDays 须大于 atRiskAfterDays。")
        }
        guard highValueFrom ?? 1 > 0 else {
            throw Refusal(
                .rule, "outOfRange", at: "/highValueFrom", "highValueFrom is more than 0, or null.",
                zh: "highValueFrom 须大于 0 或为 null。")
        }
    }
}

/// What the lifecycle needs to know of the orders of one customer up to a day.
public struct OrderSummary: Sendable, Hashable {
    public var count: Int
    public var last: CalendarDate?
    /// The order before the last.
    public var previous: CalendarDate?
    public var value: Int64

    public init(count: Int = 0, last: CalendarDate? = nil, previous: CalendarDate? = nil, value: Int64 = 0) {
        self.count = count
        self.last = last
        self.previous = previous
        self.value = value
    }

    /// - Parameter dates: of valid orders, in any order; later ones than `asOf` are left out.
    public init(dates: some Sequence<CalendarDate>, value: Int64 = 0, asOf: CalendarDate) {
        let sorted = dates.filter { $0 <= asOf }.sorted()
        self.init(count: sorted.count, last: sorted.last, previous: sorted.dropLast().last, value: value)
    }
}

/// A state with the fact that put the customer there.
public struct LifecycleStanding: Sendable, Hashable {
    public enum Reason: Sendable, Hashable {
        case noOrder
        case orders(Int)
        case value(Int64)
        case silence(days: Int)
        case returnedAfter(days: Int)
    }

    public let state: LifecycleState
    public let reason: Reason
    /// The day on which time alone will change the state, if no order comes.
    public let nextCheck: CalendarDate?

    /// Silence decides first, then a return after having been lost, then number and value of orders.
    public init(_ orders: OrderSummary, _ thresholds: LifecycleThresholds, asOf: CalendarDate) {
        guard orders.count > 0, let last = orders.last else {
            (state, reason, nextCheck) = (.potential, .noOrder, nil)
            return
        }
        let silence = asOf.days(since: last)
        if silence >= thresholds.lostAfterDays {
            (state, reason, nextCheck) = (.lost, .silence(days: silence), nil)
            return
        }
        if silence >= thresholds.atRiskAfterDays {
            let next = last.adding(days: thresholds.lostAfterDays)
            (state, reason, nextCheck) = (.atRisk, .silence(days: silence), next)
            return
        }
        nextCheck = last.adding(days: thresholds.atRiskAfterDays)
        if let gap = orders.previous.map(last.days(since:)), gap >= thresholds.lostAfterDays {
            (state, reason) = (.wonBack, .returnedAfter(days: gap))
        } else if orders.count >= thresholds.stableFromOrder {
            let isHigh = thresholds.highValueFrom.map { orders.value >= $0 } ?? false
            (state, reason) = isHigh ? (.highValue, .value(orders.value)) : (.stable, .orders(orders.count))
        } else {
            (state, reason) = (orders.count == 1 ? .signed : .developing, .orders(orders.count))
        }
    }
}

extension LifecycleStanding.Reason {
    /// As it is stored and told; ``init(code:number:)`` reads it again.
    public var code: String {
        switch self {
        case .noOrder: "noOrder"
        case .orders: "orders"
        case .value: "value"
        case .silence: "silence"
        case .returnedAfter: "returnedAfter"
        }
    }

    /// The number of the order, or the days.
    public var number: Int64? {
        switch self {
        case .noOrder: nil
        case .orders(let count): Int64(count)
        case .value(let minorUnits): minorUnits
        case .silence(let days), .returnedAfter(let days): Int64(days)
        }
    }

    /// nil for a code that this version of the program does not know.
    public init?(code: String, number: Int64?) {
        switch (code, number) {
        case ("noOrder", _): self = .noOrder
        case ("orders", let count?): self = .orders(Int(count))
        case ("value", let minorUnits?): self = .value(minorUnits)
        case ("silence", let days?): self = .silence(days: Int(days))
        case ("returnedAfter", let days?): self = .returnedAfter(days: Int(days))
        default: return nil
        }
    }

    /// One sentence, `zh` or English.
    public func text(language: String) -> String {
        let zh = language.hasPrefix("zh")
        switch self {
        case .noOrder: return zh ? "尚无订单" : "no order yet"
        case .orders(let count): return zh ? "第 \(count) 笔订单" : "order number \(count)"
        case .value: return zh ? "累计金额达到高价值标准" : "the value of the orders reached the threshold"
        case .silence(let days): return zh ? "\(days) 天未下单" : "no order for \(days) days"
        case .returnedAfter(let days): return zh ? "间隔 \(days) 天后再次下单" : "ordered again after \(days) days"
        }
    }
}
