import Values

/// The weighted funnel 加权漏斗 of one currency: Σ amount × win rate, beside the target.
///
/// Pure arithmetic in minor units; a what-if is the same computation on changed deals or stages.
struct Forecast: Sendable, Hashable {
    /// What the funnel needs to know of an opportunity that is open or won in the period.
    struct Deal: Sendable, Hashable {
        var stage: String
        var amount: Int64
    }

    struct Line: Sendable, Hashable {
        var stage: Stage
        var count: Int
        var amount: Int64
        /// amount × win rate, half a unit rounded up.
        var weighted: Int64
    }

    let currency: Currency
    let lines: [Line]
    /// nil = no target was set.
    let target: Int64?

    /// - Parameter deals: open ones in their stage, won ones in the signed stage; unknown stages count nowhere.
    init(stages: [Stage], deals: [Deal], currency: Currency, target: Int64?) {
        let byStage = Dictionary(grouping: deals, by: \.stage)
        self.currency = currency
        self.target = target
        lines = stages.map { stage in
            let deals = byStage[stage.key] ?? []
            let amount = deals.reduce(0) { Self.sum($0, $1.amount) }
            let weighted = (amount / 100) * Int64(stage.winRate) + ((amount % 100) * Int64(stage.winRate) + 50) / 100
            return Line(stage: stage, count: deals.count, amount: amount, weighted: weighted)
        }
    }

    /// Everything, signed and open.
    var weighted: Int64 { lines.reduce(0) { Self.sum($0, $1.weighted) } }
    var signed: Int64 { lines.filter(\.stage.isSigned).reduce(0) { Self.sum($0, $1.amount) } }
    var openWeighted: Int64 { weighted - signed }
    var openAmount: Int64 { lines.filter { !$0.stage.isSigned }.reduce(0) { Self.sum($0, $1.amount) } }
    /// What the target is short of the weighted sum; 0 when it is reached, nil without a target.
    var shortfall: Int64? { target.map { max(0, $0 - weighted) } }
    /// Weighted ÷ target, four digits; nil without a target or with one of 0.
    var coverage: Double? {
        guard let target, target > 0 else { return nil }
        return (Double(weighted) / Double(target) * 10_000).rounded() / 10_000
    }

    /// Sums stop at the largest number instead of crashing; no tenant has that much money.
    private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? (b > 0 ? .max : .min) : sum
    }
}

extension [Stage] {
    /// The what-if on win rates: some stages with another percentage.
    func withWinRates(_ rates: [String: Int]) -> [Stage] {
        map { stage in
            var changed = stage
            changed.winRate = rates[stage.key] ?? stage.winRate
            return changed
        }
    }
}
