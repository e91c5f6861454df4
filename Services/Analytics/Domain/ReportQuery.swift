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
