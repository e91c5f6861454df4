import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The weighted funnel: what is open by stage and may close in the period, what was won in it, and the period's target.
///
/// The same rules as the opportunities service's forecast, on the facts.
struct Funnel: Sendable {
    let database: TenantDatabase

    func answer(
        _ period: PeriodKey, tenant: Tenant, principal: Principal, language: Language = .english,
        now: Timestamp = .now()
    ) async throws -> JSON {
        let results = try await database.flight(
            tenant.id,
            [
                PipelineFact.active(tenant.schema), deals(period, tenant, principal, today: now.date(in: tenant.zone)),
                """
                select period, amount::text, owner_id, team_id, business_line_id from \(tenant.schema).target_facts
                where not deleted and currency = \(tenant.currency)
                """,
                "select id, parent_id from \(tenant.schema).teams where parent_id is not null",
                "select id, team_id from \(tenant.schema).users where team_id is not null",
                PipelineFact.formerNames(tenant.schema),
            ], options: .read)
        let currency = try Currency(code: tenant.currency)
        var goals = Goals([])
        for row in results[2] {
            guard let period = PeriodKey(try row.get(0, as: String.self)) else { continue }
            let amount = try Money(amount: row.get(1, as: String.self), currency: currency)
            goals.goals.append(
                Goal(
                    period: period, amount: amount.minorUnits, owner: try row.get(2), team: try row.get(3),
                    businessLine: try row.get(4)))
        }
        for row in results[3] { goals.parents[try row.get(0)] = try row.get(1, as: UUID.self) }
        for row in results[4] { goals.teamOf[try row.get(0)] = try row.get(1, as: UUID.self) }
        let pipelines = try results[0].map { try PipelineFact($0) }
        let forecast = Forecast(
            try lines(results[1], pipelines.flatMap(\.stages), results[5], currency),
            target: goals.target(of: period, Self.scope(principal)))
        let measured = try await StageReport(database: database).rates(tenant, principal)
        return Self.json(
            forecast, period, names: Dictionary(uniqueKeysWithValues: pipelines.map { ($0.id, $0.name) }), measured,
            currency, language, now: now)
    }

    /// What is overdue may close today, what has no date at any time, and nothing in a period that is over.
    private func deals(_ period: PeriodKey, _ tenant: Tenant, _ principal: Principal, today: CalendarDate) -> SQL {
        let (first, last) = (period.days.lowerBound, period.days.upperBound)
        return """
            select pipeline_id, stage, max(stage_name), case status when 'won' then 100 else coalesce(win_rate, 0) end,
                count(*), coalesce(sum(amount), 0)::text
            from \(tenant.schema).opportunity_facts
            where not deleted and (currency is null or currency = \(tenant.currency))
                and \(principal.ownershipCondition ?? "true") and (
                    (status = 'won' and close_date between \(first) and \(last))
                    or (status = 'open' and \(today <= last) and (expected_close_date is null
                        or (expected_close_date <= \(last) and (\(today >= first) or expected_close_date >= \(first))))))
            group by pipeline_id, stage, 4 order by pipeline_id, 4, stage
            """
    }

    /// A line for each stage of the pipelines, and for others in which deals still are: of older versions.
    private func lines(
        _ rows: Rows, _ stages: [FunnelStage], _ names: Rows, _ currency: Currency
    ) throws -> [Forecast.Line] {
        var lines = stages.map { Forecast.Line($0, count: 0, amount: 0) }
        let english = Dictionary(
            try names.map { row in
                (
                    FunnelStage(pipeline: try row.get(0), key: try row.get(1), zh: try row.get(2), winRate: 0),
                    try row.get(3, as: String.self)
                )
            }, uniquingKeysWith: { first, _ in first })
        for row in rows {
            var stage = FunnelStage(
                pipeline: try row.get(0), key: try row.get(1), zh: try row.get(2),
                winRate: Int(try row.get(3, as: Int32.self)))
            stage.en = english[FunnelStage(pipeline: stage.pipeline, key: stage.key, zh: stage.zh, winRate: 0)]
            let amount = try Money(sum: row.get(5, as: String.self), currency: currency)
            let count = Int(try row.get(4, as: Int64.self))
            if let place = lines.firstIndex(where: {
                $0.stage.pipeline == stage.pipeline && $0.stage.key == stage.key && $0.stage.winRate == stage.winRate
            }) {
                (lines[place].count, lines[place].amount) = (count, amount.minorUnits)
            } else {
                lines.append(.init(stage, count: count, amount: amount.minorUnits))
            }
        }
        return lines
    }

    private static func scope(_ principal: Principal) -> GoalScope {
        switch principal.visibility {
        case .all: GoalScope()
        case .own: GoalScope(owner: principal.subjectID)
        case .team, .subtree: GoalScope(teams: Set(principal.teamIDs))
        }
    }

    private static func json(
        _ forecast: Forecast, _ period: PeriodKey, names: [UUID: String], _ measured: [StageReport.Place: Double],
        _ currency: Currency, _ language: Language, now: Timestamp
    ) -> JSON {
        func money(_ amount: Int64) -> JSON { Money(minorUnits: amount, currency: currency).json }
        let behind = "/v1/forecast/opportunities?period=\(period)"
        let stages = forecast.lines.map { line -> JSON in
            let (stage, isSigned) = (line.stage, line.stage.isSigned)
            let place = StageReport.Place(pipeline: stage.pipeline, stage: stage.key)
            let pipeline = stage.pipeline.map { "&forecastPipeline=\($0.lowercased)" } ?? ""
            let drill =
                "\(behind)\(pipeline)&inStage=\(Drill.encoded(stage.key))&atRate=\(stage.winRate)"
                + "&of=\(isSigned ? "signed" : "open")"
            return [
                "pipelineId": stage.pipeline.json, "pipeline": stage.pipeline.flatMap { names[$0] }.json,
                "key": .string(stage.key), "name": .string(stage.name(language: language.rawValue)),
                "winRate": .int(Int64(stage.winRate)), "measuredWinRate": measured[place].json,
                "open": .int(isSigned ? 0 : Int64(line.count)), "won": .int(isSigned ? Int64(line.count) : 0),
                "amount": money(line.amount), "weightedAmount": money(line.weighted),
                "drill": isSigned ? ["open": .null, "won": .string(drill)] : ["open": .string(drill), "won": .null],
            ]
        }
        return [
            "asOf": now.json, "period": .string(period.description), "from": period.days.lowerBound.json,
            "to": period.days.upperBound.json, "stages": .array(stages), "won": money(forecast.signed),
            "openAmount": money(forecast.openAmount), "openWeightedAmount": money(forecast.openWeighted),
            "weightedAmount": money(forecast.weighted), "target": forecast.target.map(money) ?? .null,
            "coverage": forecast.coverage.json, "shortfall": forecast.shortfall.map(money) ?? .null,
            "drill": ["won": .string("\(behind)&of=signed"), "open": .string("\(behind)&of=open")],
        ]
    }
}
