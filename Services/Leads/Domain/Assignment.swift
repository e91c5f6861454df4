import Entities
import Foundation
import JSON
import Values

/// A rule of assignment 分配规则: of the active ones in order of position the first whose condition holds decides.
struct AssignmentRule: Aggregate {
    var id: UUID
    var version: Int64 = 1
    var name = ""
    var position = 1
    /// nil = every business line.
    var businessLineID: UUID?
    /// A condition on the lead's fields; nil = always.
    var when: JSON?
    var assign = AssignmentTarget()
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

    static let catalogue = Entity<AssignmentRule>(
        "assignmentRule", zh: "分配规则", en: "Assignment rule", custom: \AssignmentRule.custom,
        headFields + [
            Field("name", \AssignmentRule.name, .string, zh: "名称", en: "Name", [.required, .searchable]),
            Field("position", \AssignmentRule.position, .integer(1...10_000), zh: "顺序", en: "Position", [.indexed]),
            Field(
                "businessLineId", \AssignmentRule.businessLineID, .reference(to: "businessLine"), zh: "业务线",
                en: "Business line"),
            Field("when", \AssignmentRule.when, .json, zh: "条件", en: "Condition"),
            Field(
                "assign", \AssignmentRule.assign, .object(AssignmentTarget.self), zh: "分配给", en: "Assign to",
                [.required]),
            Field("active", \AssignmentRule.isActive, .boolean, zh: "启用", en: "Active"),
        ])
}

/// Whom a rule assigns to: a person, or the members of a team in turn.
struct AssignmentTarget: CatalogueRecord {
    enum Strategy: String, Sendable, Hashable, CaseIterable, LabelledChoice {
        case roundRobin

        var labels: (zh: String, en: String) { ("轮流", "In turn") }
    }

    var userID: UUID?
    var teamID: UUID?
    var strategy = Strategy.roundRobin

    static let catalogue = Entity<AssignmentTarget>(
        "assignmentTarget", zh: "分配对象", en: "Assignment target",
        [
            Field("userId", \AssignmentTarget.userID, .reference(to: "user"), zh: "人员", en: "Person"),
            Field("teamId", \AssignmentTarget.teamID, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("strategy", \AssignmentTarget.strategy, .choice(of: Strategy.self), zh: "方式", en: "Strategy"),
        ])

    func validate() throws(Refusal) {
        guard (userID == nil) != (teamID == nil) else {
            throw Refusal(
                .rule, "assignTarget", at: "/assign", "Name a userId or a teamId.", zh: "请填写 userId 或 teamId 之一。")
        }
    }
}

/// Who got a lead, by which rule and why.
struct Assignment: Sendable, Hashable {
    var owner: UUID?
    var team: UUID?
    /// nil = a person did it, or no rule led to anybody.
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

/// The assignment rules of a tenant, checked and ready: made once, used for every lead.
struct AssignmentRules: Sendable {
    private let rules: [(rule: AssignmentRule, condition: Filter)]

    /// - Throws: with the path of a condition that the catalogue does not know (any more).
    init(
        _ rules: [AssignmentRule], custom: CustomFields = .none, context: TextContext
    ) throws(ValidationFailure) {
        var compiled: [(AssignmentRule, Filter)] = []
        for rule in rules.sorted(by: { ($0.position, $0.createdAt) < ($1.position, $1.createdAt) }) where rule.isActive
        {
            compiled.append((rule, try Lead.condition(rule.when, custom: custom, context: context)))
        }
        self.rules = compiled
    }

    /// Assigns by the first rule that leads to somebody; one that leads to nobody (a person who left, an empty team)
    /// is passed over.
    ///
    /// - Returns: an assignment without owner when no rule leads to anybody; `why` then says so.
    func assign(_ lead: Lead, roster: Roster, turns: inout RoundRobin) -> Assignment {
        var why: [String] = []
        for (rule, condition) in rules {
            guard rule.businessLineID == nil || rule.businessLineID == lead.businessLineID,
                Lead.catalogue.matches(lead, condition)
            else { continue }
            if let user = rule.assign.userID {
                if roster.people.contains(user) {
                    return Assignment(
                        owner: user, team: roster.teamOf[user], rule: rule.id, ruleName: rule.name,
                        why: why + [condition.summary])
                }
                why.append("\(rule.name): the person is not active")
            } else if let team = rule.assign.teamID {
                if let member = turns.next(in: team, of: roster.teams[team] ?? []) {
                    return Assignment(
                        owner: member, team: team, rule: rule.id, ruleName: rule.name,
                        why: why + [condition.summary, "next in turn"])
                }
                why.append("\(rule.name): the team has no active member")
            }
        }
        return Assignment(owner: nil, team: nil, rule: nil, ruleName: nil, why: why + ["no rule matched"])
    }
}
