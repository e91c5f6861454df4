import Foundation
import Values

/// A condition of a rule, tested by its owner: the catalogue's vocabulary, or a test's.
///
/// Rules are generic over it so that assigning and grading stay pure arithmetic on "does it hold for this lead".
protocol RuleCondition: Sendable, Hashable {
    /// One line for the person who asks why, e.g. `region = 北京`.
    var summary: String { get }
    func holds(for lead: Lead) -> Bool
}

/// A rule of assignment 分配规则: the first whose conditions all hold decides.
struct AssignmentRule<Condition: RuleCondition>: Sendable, Hashable {
    var id: UUID
    var name: String
    /// nil = every business line.
    var businessLineID: UUID?
    /// All must hold; none = always.
    var conditions: [Condition]
    var target: AssignmentTarget
    var isActive = true
}

enum AssignmentTarget: Sendable, Hashable {
    case person(UUID)
    /// Members in turn.
    case team(UUID)
}

/// Who got a lead, by which rule and why.
struct Assignment: Sendable, Hashable {
    var owner: UUID?
    var team: UUID?
    var rule: UUID?
    var ruleName: String?
    var why: [String]
}

/// Who can be assigned: the active people, and the active members of each team in a stable order.
struct Roster: Sendable, Hashable {
    var people: Set<UUID>
    var teams: [UUID: [UUID]]
    /// The team a person's leads count for.
    var teamOf: [UUID: UUID] = [:]
}

/// Whose turn it was in each team.
struct RoundRobin: Sendable, Hashable {
    var lastAssigned: [UUID: UUID] = [:]

    /// The member after the last one assigned. Somebody who left is passed over, somebody who joined gets his turn.
    mutating func next(in team: UUID, of members: [UUID]) -> UUID? {
        guard !members.isEmpty else { return nil }
        let last = lastAssigned[team].flatMap { members.firstIndex(of: $0) }
        let member = members[last.map { ($0 + 1) % members.count } ?? 0]
        lastAssigned[team] = member
        return member
    }
}

extension Assignment {
    /// Assigns by the ordered rules. Rules that lead to nobody (a person who left, an empty team) are passed over.
    ///
    /// - Returns: an assignment without owner when no rule leads to anybody; `why` then says so.
    static func decide<Condition>(
        _ lead: Lead, rules: [AssignmentRule<Condition>], roster: Roster, turns: inout RoundRobin
    ) -> Assignment {
        var why: [String] = []
        for rule in rules where rule.isActive && (rule.businessLineID ?? lead.businessLineID) == lead.businessLineID {
            guard rule.conditions.allSatisfy({ $0.holds(for: lead) }) else { continue }
            let reasons = rule.conditions.map(\.summary)
            switch rule.target {
            case .person(let person) where roster.people.contains(person):
                return Assignment(
                    owner: person, team: roster.teamOf[person], rule: rule.id, ruleName: rule.name, why: why + reasons)
            case .team(let team):
                if let member = turns.next(in: team, of: roster.teams[team] ?? []) {
                    return Assignment(
                        owner: member, team: team, rule: rule.id, ruleName: rule.name,
                        why: why + reasons + ["next in turn"])
                }
                why.append("\(rule.name): the team has no active member")
            case .person: why.append("\(rule.name): the person is not active")
            }
        }
        return Assignment(owner: nil, team: nil, rule: nil, ruleName: nil, why: why + ["no rule matched"])
    }
}

/// Points for a condition 评分规则.
struct GradeRule<Condition: RuleCondition>: Sendable, Hashable {
    var id: UUID
    var name: String
    var businessLineID: UUID?
    var conditions: [Condition]
    /// Below 0 for what speaks against the lead.
    var points: Int64
    var isActive = true
}

/// Points from which a lead is A, B or C; less is D.
struct GradeThresholds: Sendable, Hashable {
    var a: Int64 = 80
    var b: Int64 = 50
    var c: Int64 = 20

    func validate() throws(Refusal) {
        guard a > b, b > c else {
            throw Refusal(
                .rule, "thresholdOrder", at: "/a", "The thresholds fall from A to C.", zh: "阈值须按 A、B、C 依次递减。")
        }
    }

    func grade(_ points: Int64) -> Grade { points >= a ? .A : points >= b ? .B : points >= c ? .C : .D }
}

/// A grade with what it was made of.
struct Grading: Sendable, Hashable {
    struct Reason: Sendable, Hashable {
        let rule: String
        let points: Int64
    }

    let grade: Grade
    let points: Int64
    let reasons: [Reason]

    static func decide<Condition>(
        _ lead: Lead, rules: [GradeRule<Condition>], thresholds: GradeThresholds
    ) -> Grading {
        let reasons = rules.filter { rule in
            rule.isActive && (rule.businessLineID ?? lead.businessLineID) == lead.businessLineID
                && rule.conditions.allSatisfy { $0.holds(for: lead) }
        }.map { Reason(rule: $0.name, points: $0.points) }
        let points = reasons.reduce(Int64(0)) { $0.addingReportingOverflow($1.points).partialValue }
        return Grading(grade: thresholds.grade(points), points: points, reasons: reasons)
    }
}
