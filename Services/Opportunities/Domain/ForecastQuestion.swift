import Contracts
import Foundation
import Values

/// Which part of the funnel is looked at.
struct ForecastQuestion: Sendable, Hashable {
    /// By what a forecast may be divided.
    enum Grouping: String, Sendable, Hashable, CaseIterable {
        case team, businessLine, owner

        /// The column of opportunities.
        var column: String {
            switch self {
            case .team: "team_id"
            case .businessLine: "business_line_id"
            case .owner: "owner_id"
            }
        }

        /// Where the names are.
        var directoryTable: String {
            switch self {
            case .team: "teams"
            case .businessLine: "business_lines"
            case .owner: "users"
            }
        }

        /// The targets of one member.
        func scope(_ id: UUID, within scope: GoalScope) -> GoalScope {
            var scope = scope
            switch self {
            case .team: scope.teams = [id]
            case .businessLine: scope.businessLine = id
            case .owner: scope.owner = id
            }
            return scope
        }
    }

    var period: PeriodKey
    var owner: UUID?
    /// With every team below it.
    var team: UUID?
    var businessLine: UUID?
    var pipeline: UUID?
    var grouping: Grouping?
    var categories: ForecastCategories

    /// The first and last day between which an open deal must be expected to close; nil when the period is over: what is
    /// still open then can only close later.
    ///
    /// What is overdue may close today, what has no date at any time.
    func openDays(today: CalendarDate) -> ClosedRange<CalendarDate>? {
        guard today <= period.days.upperBound else { return nil }
        return today >= period.days.lowerBound ? Self.always...period.days.upperBound : period.days
    }

    private static let always = CalendarDate(days: -25_567)  // 1900-01-01
}

/// What would be if some rates, amounts or the target were others.
struct WhatIf: Sendable, Hashable {
    /// A deal with the amount it would have.
    struct Amount: Sendable, Hashable {
        var stage: FunnelStage
        var old: Int64
        var new: Int64
    }

    /// Percent, by the key of a stage.
    var winRates: [String: Int] = [:]
    var amounts: [Amount] = []
    var target: Int64?

    func applied(to forecast: Forecast) -> Forecast {
        var changed = forecast
        for amount in amounts {
            guard let index = changed.lines.firstIndex(where: { $0.stage == amount.stage }) else { continue }
            changed.lines[index].amount = [changed.lines[index].amount, -amount.old, amount.new].sum { $0 }
        }
        changed.target = target ?? changed.target
        return changed.withWinRates(winRates)
    }
}
