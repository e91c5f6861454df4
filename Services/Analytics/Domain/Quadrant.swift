import Contracts
import Entities
import Values

/// What a quadrant report is asked.
struct QuadrantQuestion: Sendable, Hashable {
    /// The window: so many days up to the day that is looked at.
    var windowDays = 365
    /// From how many orders in the window a customer buys often; nil is the mean of those who bought.
    var ordersFrom: Int?
    /// From which average amount of an order a customer buys much; nil is the mean order of the window.
    var averageFrom: Money?
}

/// The bounds by which customers are told apart.
struct QuadrantThresholds: Sendable, Hashable {
    var ordersFrom: Int
    /// In minor units.
    var averageFrom: Int64

    /// - Parameters:
    ///   - buyers: how many customers bought in the window.
    ///   - orders: of all of them.
    ///   - sum: of those orders, in minor units.
    init(_ question: QuadrantQuestion, buyers: Int, orders: Int, sum: Int64) {
        // Two at least: who bought once is a first buyer, whatever the mean.
        ordersFrom = question.ordersFrom ?? max(2, buyers == 0 ? 2 : (orders + buyers - 1) / buyers)
        averageFrom = question.averageFrom?.minorUnits ?? (orders == 0 ? 0 : sum / Int64(orders))
    }
}

/// Customers on average order amount × number of orders in a rolling window.
enum Quadrant: String, Sendable, Hashable, CaseIterable {
    /// Prospects: never bought.
    case prospects = "A"
    /// First buyers: few orders, and small ones.
    case firstBuyers = "B"
    /// Few orders, but large ones.
    case largeOrders = "C"
    /// Many orders, but small ones.
    case manyOrders = "D"
    /// The best: many, and large.
    case best = "E"
    /// Bought once, but not in the window: no newcomers.
    case lapsed

    init(orders: Int, sum: Int64, everBought: Bool, _ thresholds: QuadrantThresholds) {
        guard orders > 0 else {
            self = everBought ? .lapsed : .prospects
            return
        }
        let isMany = orders >= thresholds.ordersFrom
        let isLarge = sum / Int64(orders) >= thresholds.averageFrom
        self = isMany ? (isLarge ? .best : .manyOrders) : (isLarge ? .largeOrders : .firstBuyers)
    }
}

extension Quadrant: LabelledChoice {
    var labels: (zh: String, en: String) {
        switch self {
        case .prospects: ("潜在客户", "Prospects")
        case .firstBuyers: ("初购客户", "First buyers")
        case .largeOrders: ("大单客户", "Large orders")
        case .manyOrders: ("多单客户", "Many orders")
        case .best: ("优质客户", "Best")
        case .lapsed: ("沉默客户", "Lapsed")
        }
    }
}
