import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The lines of forecasts: what is open and may close in the period, and what was won in it.
struct ForecastStore: Sendable {
    let pipelines: Pipelines

    private var database: TenantDatabase { pipelines.environment.database }
    var directory: Directory { Directory(database) }

    /// A caller's question, ready to be asked.
    struct Query: Sendable {
        let question: ForecastQuestion
        let tenant: Tenant
        let scope: GoalScope
        let goals: Goals
        let today: CalendarDate
        /// Over the columns of opportunities; what the caller may see is part of it.
        let condition: SQL
    }

    func query(_ question: ForecastQuestion, _ principal: Principal, _ tenant: Tenant, now: Timestamp) async throws
        -> Query
    {
        let goals = try await directory.goals(tenant)
        let today = now.date(in: tenant.zone)
        var scope = GoalScope(businessLine: question.businessLine)
        scope.owner = question.owner ?? (principal.visibility == .own ? principal.subjectID : nil)
        let seen = [.team, .subtree].contains(principal.visibility) ? Set(principal.teamIDs) : nil
        scope.teams = question.team.map { goals.subtree(of: $0) } ?? seen
        var conditions: [SQL] = [
            "deleted_at is null", "(amount_currency is null or amount_currency = \(tenant.currency))",
        ]
        if let owned = principal.ownershipCondition { conditions.append(owned) }
        if let owner = question.owner { conditions.append("owner_id = \(owner)") }
        if question.team != nil, let teams = scope.teams { conditions.append("team_id = any(\(Array(teams)))") }
        if let line = question.businessLine { conditions.append("business_line_id = \(line)") }
        if let pipeline = question.pipeline { conditions.append("pipeline_id = \(pipeline)") }
        let days = question.period.days
        let won: SQL = "(status = 'won' and close_date between \(days.lowerBound) and \(days.upperBound))"
        let open: SQL? = question.openDays(today: today).map { range in
            """
            (status = 'open' and (expected_close_date is null
                or expected_close_date between \(range.lowerBound) and \(range.upperBound)))
            """
        }
        conditions.append(open.map { "(\(won) or \($0))" } ?? won)
        return Query(
            question: question, tenant: tenant, scope: scope, goals: goals, today: today,
            condition: conditions.joined(separator: " and "))
    }

    /// The forecast of the whole, and of each member of the grouping (nil = those that have none).
    func forecasts(_ query: Query) async throws -> (whole: Forecast, groups: [UUID?: Forecast]) {
        let stages = try await stages(query)
        let grouping = query.question.grouping
        let member = SQL(raw: grouping.map(\.column) ?? "null::uuid")
        let rows = try await database.query(
            query.tenant.id,
            """
            select \(member), pipeline_id, stage, max(stage_name), coalesce(win_rate, 0), count(*),
                least(coalesce(sum(amount_minor), 0), 9223372036854775807)::bigint, max(\(Self.englishName))
            from \(query.tenant.schema).opportunities where \(query.condition)
            group by 1, pipeline_id, stage, coalesce(win_rate, 0) order by pipeline_id, 5, stage
            """)
        var groups: [UUID?: [Forecast.Line]] = [:]
        for row in rows {
            var stage = FunnelStage(
                pipeline: try row.get(1), key: try row.get(2), zh: try row.get(3), en: try row.get(7),
                winRate: Int(try row.get(4, as: Int64.self)))
            // The names in both languages, where the stage still is what it was.
            stage =
                stages.first { $0.pipeline == stage.pipeline && $0.key == stage.key && $0.winRate == stage.winRate }
                ?? stage
            groups[try row.get(0, as: UUID?.self), default: []].append(
                .init(stage, count: Int(try row.get(5, as: Int64.self)), amount: try row.get(6)))
        }
        let all = Self.merged(stages.map { .init($0, count: 0, amount: 0) } + groups.values.joined())
        let whole = Forecast(all, target: query.goals.target(of: query.question.period, query.scope))
        var forecasts: [UUID?: Forecast] = [:]
        for (id, lines) in groups where grouping != nil {
            forecasts[id] = Forecast(lines, target: target(of: id, query))
        }
        // Who has a target has a line, even with nothing in the funnel.
        if let grouping {
            let known = query.goals.goals.compactMap { goal -> UUID? in
                switch grouping {
                case .team: goal.owner == nil ? goal.team : nil
                case .businessLine: goal.businessLine
                case .owner: goal.owner
                }
            }
            for id in Set(known) where forecasts[id] == nil {
                if let target = target(of: id, query) { forecasts[id] = Forecast([], target: target) }
            }
        }
        return (whole, forecasts)
    }

    /// As ``Opportunity/stageNames`` has it.
    private static var englishName: SQL { "case when stage_names->>'zh' = stage_name then stage_names->>'en' end" }

    private func target(of id: UUID?, _ query: Query) -> Int64? {
        guard let id, let grouping = query.question.grouping else { return nil }
        if let teams = query.scope.teams, grouping == .team, !teams.contains(id) { return nil }
        if let owner = query.scope.owner, grouping == .owner, owner != id { return nil }
        return query.goals.target(of: query.question.period, grouping.scope(id, within: query.scope))
    }

    private static func merged(_ lines: [Forecast.Line]) -> [Forecast.Line] {
        var merged: [Forecast.Line] = []
        var places: [FunnelStage: Int] = [:]
        for line in lines {
            if let place = places[line.stage] {
                merged[place].count += line.count
                merged[place].amount = [merged[place].amount, line.amount].sum { $0 }
            } else {
                places[line.stage] = merged.count
                merged.append(line)
            }
        }
        return merged
    }

    /// The stages of the pipelines that are asked for, in their order, whether a deal is in them or not.
    private func stages(_ query: Query) async throws -> [FunnelStage] {
        try await pipelines.active(query.tenant.id).filter { pipeline in
            query.question.pipeline.map { $0 == pipeline.id } ?? true
        }.flatMap { pipeline in
            pipeline.stages.map {
                FunnelStage(pipeline: pipeline.id, key: $0.key, zh: $0.zh, en: $0.en, winRate: Int($0.winRate))
            }
        }
    }

    /// An opportunity as a what-if moves it.
    struct Deal: Sendable {
        let id: UUID
        let stage: FunnelStage
        /// Minor units.
        let amount: Int64
    }

    /// The deals of the forecast that a what-if names by id or code, with their stage and amount.
    func deals(_ keys: [String], _ query: Query) async throws -> [String: Deal] {
        let ids = keys.compactMap { UUID($0) }
        let stages = try await stages(query)
        let rows = try await database.query(
            query.tenant.id,
            """
            select id, code, pipeline_id, stage, stage_name, coalesce(win_rate, 0), coalesce(amount_minor, 0),
                \(Self.englishName)
            from \(query.tenant.schema).opportunities
            where (id = any(\(ids)) or code = any(\(keys))) and \(query.condition)
            """)
        var deals: [String: Deal] = [:]
        for row in rows {
            let stage = FunnelStage(
                pipeline: try row.get(2), key: try row.get(3), zh: try row.get(4), en: try row.get(7),
                winRate: Int(try row.get(5, as: Int64.self)))
            let known = stages.first {
                $0.pipeline == stage.pipeline && $0.key == stage.key && $0.winRate == stage.winRate
            }
            let deal = Deal(id: try row.get(0), stage: known ?? stage, amount: try row.get(6))
            deals[deal.id.lowercased] = deal
            deals[try row.get(1)] = deal
        }
        return deals
    }
}
