import Entities
import Foundation
import Values

/// From which state to which, and the fact behind it.
public struct AccountLifecycleChanged: CatalogueRecord {
    public var fromState = "potential"
    public var toState = "potential"
    public var reason: String?
    /// noOrder, orders, value, silence or returnedAfter.
    public var reasonCode: String?
    /// The number of the order, or the days of silence.
    public var reasonNumber: Int64?
    public var orders: Int64 = 0
    public var asOf: CalendarDate?
    /// When time alone will change it.
    public var nextCheck: CalendarDate?

    public init() {}

    public static let catalogue = Entity<AccountLifecycleChanged>(
        "accountLifecycleChanged", zh: "详情", en: "Details",
        [
            Field("fromState", \.fromState, .string(max: 40), zh: "原状态", en: "State before"),
            Field("toState", \.toState, .string(max: 40), zh: "新状态", en: "State after"),
            Field("reason", \.reason, .string(max: 500), zh: "原因", en: "Reason"),
            Field(
                "reasonCode", \.reasonCode, .string(max: 40), zh: "原因代码", en: "Code of the reason",
                help: "noOrder, orders, value, silence or returnedAfter."),
            Field(
                "reasonNumber", \.reasonNumber, .integer, zh: "原因数值", en: "Number of the reason",
                help: "The number of the order, or the days of silence."),
            Field("orders", \.orders, .integer, zh: "订单数", en: "Orders counted"),
            Field("asOf", \.asOf, .date, zh: "截至日期", en: "As of"),
            Field(
                "nextCheck", \.nextCheck, .date, zh: "下次检查", en: "Next check", help: "When time alone will change it."),
        ])
}
