import JSON
import Values

/// What was counted for one group.
struct Figures: Sendable {
    var counts: [String: Int64] = [:]
    /// Sums in the tenant's currency.
    var sums: [String: Money] = [:]
    /// Different customers among the orders.
    var buyers: Int64 = 0

    /// The group as the API answers it, in a fixed order.
    func members(_ subject: Subject, _ currency: Currency, isOpenKnown: Bool) -> [JSONObject.Member] {
        func count(_ name: String) -> Int64 { counts[name] ?? 0 }
        func sum(_ name: String) -> JSON { (sums[name] ?? .zero(currency)).json }
        switch subject {
        case .leads:
            return [
                ("created", .int(count("created"))), ("converted", .int(count("converted"))),
                ("conversionRate", Ratio.of(count("converted"), count("created")).json),
            ]
        case .opportunities:
            return [
                ("created", .int(count("created"))), ("won", .int(count("won"))), ("lost", .int(count("lost"))),
                // What is open belongs to no period.
                ("open", isOpenKnown ? .int(count("open")) : .null), ("wonValue", sum("won")),
                ("openValue", isOpenKnown ? sum("open") : .null),
                ("winRate", Ratio.of(count("won"), count("won") + count("lost")).json), ("lostValue", sum("lost")),
                ("lossRate", Ratio.of(count("lost"), count("won") + count("lost")).json),
            ]
        case .customers:
            return [
                ("customers", .int(count("customers"))), ("orders", .int(count("orders"))),
                ("orderValue", sum("orders")), ("buyers", .int(buyers)),
            ]
        }
    }
}
