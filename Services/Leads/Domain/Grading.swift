import Entities
import Foundation
import JSON
import Values

/// Points for a condition 评级规则.
struct GradeRule: Aggregate {
    var id: UUID
    var version: Int64 = 1
    var name = ""
    /// nil = every business line.
    var businessLineID: UUID?
    var when: JSON?
    /// Below 0 for what speaks against the lead.
    var points: Int64 = 0
    var isActive = true
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    init(id: UUID, at now: Timestamp) {
        self.id = id
        createdAt = now
        updatedAt = now
    }

    static let catalogue = Entity<GradeRule>(
        "gradeRule", zh: "评级规则", en: "Grade rule", custom: \GradeRule.custom,
        headFields + [
            Field("name", \GradeRule.name, .string, zh: "名称", en: "Name", [.required, .searchable]),
            Field(
                "businessLineId", \GradeRule.businessLineID, .reference(to: "businessLine"), zh: "业务线",
                en: "Business line"),
            Field("when", \GradeRule.when, .json, zh: "条件", en: "Condition"),
            Field("points", \GradeRule.points, .integer(-1000...1000), zh: "分值", en: "Points", [.required]),
            Field("active", \GradeRule.isActive, .boolean, zh: "启用", en: "Active"),
        ])
}

/// Points from which a lead is A, B or C; less is D.
struct GradeThresholds: CatalogueRecord {
    var a: Int64 = 80
    var b: Int64 = 50
    var c: Int64 = 20

    static let catalogue = Entity<GradeThresholds>(
        "gradeThresholds", zh: "评级阈值", en: "Grade thresholds",
        [
            Field("a", \GradeThresholds.a, .integer(-1_000_000...1_000_000), zh: "A 级起", en: "A from"),
            Field("b", \GradeThresholds.b, .integer(-1_000_000...1_000_000), zh: "B 级起", en: "B from"),
            Field("c", \GradeThresholds.c, .integer(-1_000_000...1_000_000), zh: "C 级起", en: "C from"),
        ])

    func validate() throws(Refusal) {
        guard a > b, b > c else {
            throw Refusal(.rule, "thresholdOrder", at: "/a", "The thresholds fall from A to C.", zh: "阈值须按 A、B、C 依次递减。")
        }
    }

    func grade(_ points: Int64) -> Grade { points >= a ? .A : points >= b ? .B : points >= c ? .C : .D }
}

/// A grade with what it was made of.
struct Grading: Sendable, Hashable {
    struct Reason: Sendable, Hashable {
        let rule: String
        let points: Int64
        /// The condition that held, e.g. `region = 浙江`.
        let because: String
    }

    let grade: Grade
    let points: Int64
    let reasons: [Reason]
}

/// The grade rules of a tenant, checked and ready.
struct GradeRules: Sendable {
    private let rules: [(rule: GradeRule, condition: Filter)]
    private let thresholds: GradeThresholds

    init(
        _ rules: [GradeRule], thresholds: GradeThresholds, custom: CustomFields = .none, context: TextContext
    ) throws(ValidationFailure) {
        var compiled: [(GradeRule, Filter)] = []
        for rule in rules where rule.isActive {
            compiled.append((rule, try Lead.condition(rule.when, custom: custom, context: context)))
        }
        self.rules = compiled
        self.thresholds = thresholds
    }

    func grade(_ lead: Lead) -> Grading {
        let reasons = rules.compactMap { rule, condition -> Grading.Reason? in
            guard rule.businessLineID == nil || rule.businessLineID == lead.businessLineID,
                Lead.catalogue.matches(lead, condition)
            else { return nil }
            return Grading.Reason(rule: rule.name, points: rule.points, because: condition.summary)
        }
        // Each rule gives at most 1000 points, so the sum of any number of stored rules fits.
        let points = reasons.reduce(0) { $0 + $1.points }
        return Grading(grade: thresholds.grade(points), points: points, reasons: reasons)
    }
}
