import Foundation
import Values

/// A step of a pipeline as the funnel needs it.
public struct FunnelStage: Sendable, Hashable {
    public var pipeline: UUID?
    public var key: String
    public var zh: String?
    public var en: String?
    /// Percent; the last stage, and only it, has 100.
    public var winRate: Int

    public init(pipeline: UUID? = nil, key: String, zh: String? = nil, en: String? = nil, winRate: Int) {
        (self.pipeline, self.key, self.zh, self.en, self.winRate) = (pipeline, key, zh, en, winRate)
    }

    /// Being in it is having won.
    public var isSigned: Bool { winRate == 100 }

    public func name(language: String) -> String { (language.hasPrefix("zh") ? zh ?? en : en ?? zh) ?? key }
}

/// The weighted funnel 加权漏斗 of one currency: Σ amount × win rate, beside the target.
///
/// Pure arithmetic in minor units; a what-if is the same computation on changed amounts or rates. The opportunities
/// service forecasts by it, analytics answers its funnel by it.
public struct Forecast: Sendable, Hashable {
    public struct Line: Sendable, Hashable {
        public var stage: FunnelStage
        public var count: Int
        public var amount: Int64

        public init(_ stage: FunnelStage, count: Int, amount: Int64) {
            (self.stage, self.count, self.amount) = (stage, count, amount)
        }

        /// amount × win rate, half a unit rounded up.
        public var weighted: Int64 {
            let (whole, rest) = (amount / 100, amount % 100)
            return whole * Int64(stage.winRate) + (rest * Int64(stage.winRate) + 50) / 100
        }
    }

    public var lines: [Line]
    /// nil = no target was set.
    public var target: Int64?

    /// - Parameter lines: what is open in its stage, what is won in the signed stage.
    public init(_ lines: [Line], target: Int64?) { (self.lines, self.target) = (lines, target) }

    /// Everything, signed and open.
    public var weighted: Int64 { lines.sum(\.weighted) }
    public var signed: Int64 { lines.filter(\.stage.isSigned).sum(\.amount) }
    public var openWeighted: Int64 { weighted - signed }
    public var openAmount: Int64 { lines.filter { !$0.stage.isSigned }.sum(\.amount) }
    /// What the target is short of the weighted sum; 0 when it is reached, nil without a target.
    public var shortfall: Int64? { target.map { max(0, $0 - weighted) } }
    /// Weighted ÷ target, four digits; nil without a target or with one of 0.
    public var coverage: Double? {
        guard let target, target > 0 else { return nil }
        return (Double(weighted) / Double(target) * 10_000).rounded() / 10_000
    }
}

/// How sure an open deal is.
public enum ForecastCategory: String, Sendable, Hashable, CaseIterable {
    case commit, bestCase, pipeline
}

/// From which win rates, in percent, open deals count as commit and as best case; the rest is pipeline.
public struct ForecastCategories: Sendable, Hashable {
    public var commitFrom: Int
    public var bestCaseFrom: Int

    public init(commitFrom: Int = 70, bestCaseFrom: Int = 50) throws(Refusal) {
        guard (2...99).contains(commitFrom), (1..<commitFrom).contains(bestCaseFrom) else {
            throw Refusal(
                .rule, "outOfRange", at: "/commitFrom", "Write 1 to 99 percent, bestCaseFrom less than commitFrom.",
                zh: "须为 1 至 99，且 bestCaseFrom 小于 commitFrom。")
        }
        (self.commitFrom, self.bestCaseFrom) = (commitFrom, bestCaseFrom)
    }

    /// nil for what is signed.
    public func category(of stage: FunnelStage) -> ForecastCategory? {
        if stage.isSigned { return nil }
        return stage.winRate >= commitFrom ? .commit : stage.winRate >= bestCaseFrom ? .bestCase : .pipeline
    }
}

extension Forecast {
    public func lines(of category: ForecastCategory, _ categories: ForecastCategories) -> [Line] {
        lines.filter { categories.category(of: $0.stage) == category }
    }

    /// The what-if on win rates: open stages with another percentage, in whatever pipeline they are.
    public func withWinRates(_ rates: [String: Int]) -> Forecast {
        var changed = self
        for index in changed.lines.indices where !changed.lines[index].stage.isSigned {
            if let rate = rates[changed.lines[index].stage.key] { changed.lines[index].stage.winRate = rate }
        }
        return changed
    }
}

extension Sequence {
    /// Sums stop at the largest number instead of crashing; no tenant has that much money.
    public func sum(_ value: (Element) -> Int64) -> Int64 {
        reduce(0) { total, element in
            let (sum, overflow) = total.addingReportingOverflow(value(element))
            return overflow ? (total > 0 ? .max : .min) : sum
        }
    }
}
