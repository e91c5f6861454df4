import Foundation
import Values

/// A target 目标 as forecasts see it.
public struct Goal: Sendable, Hashable {
    public var period: PeriodKey
    /// In minor units of the tenant's currency.
    public var amount: Int64
    public var owner: UUID?
    public var team: UUID?
    public var businessLine: UUID?

    public init(
        period: PeriodKey, amount: Int64, owner: UUID? = nil, team: UUID? = nil, businessLine: UUID? = nil
    ) {
        (self.period, self.amount) = (period, amount)
        (self.owner, self.team, self.businessLine) = (owner, team, businessLine)
    }
}

/// Whose figures are looked at; nil members are open.
public struct GoalScope: Sendable, Hashable {
    public var owner: UUID?
    /// With every team below that counts.
    public var teams: Set<UUID>?
    public var businessLine: UUID?

    public init(owner: UUID? = nil, teams: Set<UUID>? = nil, businessLine: UUID? = nil) {
        (self.owner, self.teams, self.businessLine) = (owner, teams, businessLine)
    }
}

/// The targets of a tenant, and who belongs to whom.
public struct Goals: Sendable {
    public var goals: [Goal]
    /// The team above each team that has one.
    public var parents: [UUID: UUID]
    /// The team of each person that is in one.
    public var teamOf: [UUID: UUID]

    public init(_ goals: [Goal], parents: [UUID: UUID] = [:], teamOf: [UUID: UUID] = [:]) {
        (self.goals, self.parents, self.teamOf) = (goals, parents, teamOf)
    }

    /// The target of a period: the one that was set for just this scope, or else the sum over its parts that have one,
    /// teams before business lines before people; and where nobody set one for the period, the sum over its quarters or
    /// months. nil when there is none at all.
    public func target(of period: PeriodKey, _ scope: GoalScope) -> Int64? {
        let within = goals.filter { $0.period == period && isWithin($0, scope) }
        if let level = within.map({ Self.level($0, scope) }).min() {
            let chosen = within.filter { Self.level($0, scope) == level }
            // What is set for a team holds what is set for those below it.
            let teams = Set(chosen.compactMap { $0.owner == nil ? $0.team : nil })
            let tops = chosen.filter { goal in
                goal.owner != nil || goal.team.map { !above($0).contains(where: teams.contains) } ?? true
            }
            return tops.sum(\.amount)
        }
        let parts = period.parts.compactMap { target(of: $0, scope) }
        return parts.isEmpty ? nil : parts.sum { $0 }
    }

    private func isWithin(_ goal: Goal, _ scope: GoalScope) -> Bool {
        if let owner = scope.owner, goal.owner != owner { return false }
        if let line = scope.businessLine, goal.businessLine != line { return false }
        guard let teams = scope.teams, scope.owner == nil else { return true }
        return (goal.team ?? goal.owner.flatMap { teamOf[$0] }).map(teams.contains) ?? false
    }

    /// 0 = set for just this scope; more, the narrower it is.
    private static func level(_ goal: Goal, _ scope: GoalScope) -> Int {
        (goal.owner != nil && scope.owner == nil ? 4 : 0)
            + (goal.businessLine != nil && scope.businessLine == nil ? 2 : 0)
            + (goal.owner == nil && goal.team != nil && scope.teams == nil ? 1 : 0)
    }

    private func above(_ team: UUID) -> [UUID] {
        var above: [UUID] = []
        while let parent = parents[above.last ?? team], !above.contains(parent) { above.append(parent) }
        return above
    }

    /// A team and every team below it.
    public func subtree(of team: UUID) -> Set<UUID> {
        Set(parents.keys.filter { above($0).contains(team) }).union([team])
    }
}
