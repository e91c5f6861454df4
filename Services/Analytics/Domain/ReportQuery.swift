import Contracts
import Values

/// What a report counts.
enum Subject: String, Sendable, CaseIterable {
    case leads, opportunities, customers

    /// What may be counted, as the kinds of happenings and the members of answers are called.
    var figures: [String] {
        switch self {
        case .leads: ["created", "converted"]
        case .opportunities: ["created", "won", "lost", "open"]
        case .customers: ["customers", "orders"]
        }
    }
}

/// By what a report groups.
enum Dimension: String, Sendable, CaseIterable {
    case product, owner, manager, region, account, stage, source, grade, businessLine
    case day, week, month, quarter
    case lostReason, competitor
    case lifecycle, quadrant, cohort

    var isPeriod: Bool { [.day, .week, .month, .quarter].contains(self) }

    func isKnown(to subject: Subject) -> Bool {
        switch self {
        case .lifecycle, .quadrant, .cohort: subject == .customers
        case .stage, .lostReason, .competitor: subject == .opportunities
        default: true
        }
    }
}

/// A question to a report.
struct ReportQuery: Sendable, Hashable {
    var subject: Subject
    /// None, one or two.
    var dimensions: [Dimension] = []
    /// Both inclusive, in the tenant's time zone; nil is open.
    var from: CalendarDate?
    var to: CalendarDate?
    /// The day at whose end things are looked at; nil is now.
    var asOf: CalendarDate?
    /// Only what is worth at least so much: key opportunities, in minor units of the tenant's currency.
    var amountFrom: Money?
    var thresholds = GivenThresholds()
    var quadrants = QuadrantQuestion()

    init(_ subject: Subject) { self.subject = subject }

    /// Refuses a period that ends before it begins.
    func validate() throws(Refusal) {
        if let from, let to, to < from {
            throw Refusal(.rule, "range", at: "/to", "to lies before from.", zh: "to 早于 from。")
        }
    }

    static func dimensions(_ words: [String], _ subject: Subject) throws(Refusal) -> [Dimension] {
        let known = Dimension.allCases.filter { $0.isKnown(to: subject) }
        let dimensions = words.map { word in known.first { $0.rawValue == word } }
        guard !dimensions.contains(nil) else {
            let names = known.map(\.rawValue).joined(separator: ", ")
            throw Refusal(
                .rule, "choice", at: "/groupBy", "groupBy takes one or two of \(names).",
                zh: "groupBy 可取其中一至两项：\(names)。")
        }
        guard dimensions.count <= 2, Set(dimensions).count == dimensions.count,
            dimensions.count(where: { $0?.isPeriod == true }) <= 1
        else {
            throw Refusal(
                .rule, "range", at: "/groupBy",
                "groupBy takes one or two different words, at most one of them a period.",
                zh: "groupBy 最多两项，不得重复，且至多一项为时间周期。")
        }
        return dimensions.compactMap { $0 }
    }
}

/// Thresholds of the lifecycle that a question brings along; the tenant's own stand for the others.
struct GivenThresholds: Sendable, Hashable {
    var stableFromOrder: Int?
    var atRiskAfterDays: Int?
    var lostAfterDays: Int?

    /// - Throws: when the question's contradict one another, or the tenant's.
    func over(_ tenants: LifecycleThresholds) throws(Refusal) -> LifecycleThresholds {
        let thresholds = LifecycleThresholds(
            stableFromOrder: stableFromOrder ?? tenants.stableFromOrder,
            atRiskAfterDays: atRiskAfterDays ?? tenants.atRiskAfterDays,
            lostAfterDays: lostAfterDays ?? tenants.lostAfterDays, highValueFrom: tenants.highValueFrom)
        try thresholds.validate()
        return thresholds
    }
}

/// A part of a whole.
enum Ratio {
    /// With four digits, halves away from zero; nil when there is no whole.
    static func of(_ part: Int64, _ whole: Int64) -> Double? {
        guard whole > 0 else { return nil }
        // Integers decide the rounding: a division of doubles may lie just below a half.
        return Double((part * 20_000 + whole) / (2 * whole)) / 10_000
    }
}
