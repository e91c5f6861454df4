import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// What stages were worth and how long they took: the measured win rate beside the configured one, and time in stage.
///
/// Measured is won ÷ closed of the deals that ever came as far as the stage; whoever jumped over it came as far.
struct StageReport: Sendable {
    let database: TenantDatabase

    struct Place: Sendable, Hashable {
        var pipeline: UUID?
        var stage: String
    }

    private struct Closed {
        var won: Int64 = 0
        var lost: Int64 = 0
        var rate: Double? { Ratio.of(won, won + lost) }
    }

    private struct Time {
        var count: Int64
        var median: Double
        var average: Double
    }

    /// The measured win rates of everything the caller sees.
    func rates(_ tenant: Tenant, _ principal: Principal) async throws -> [Place: Double] {
        let statement = ReportStatement(query: ReportQuery(.opportunities), tenant: tenant, principal: principal)
        var rates: [Place: Double] = [:]
        for row in try await database.query(tenant.id, Self.reached(statement)) {
            let place = Place(pipeline: try row.get("pipeline_id"), stage: try row.get("stage"))
            rates[place] = Closed(won: try row.get("won"), lost: try row.get("lost")).rate
        }
        return rates
    }

    func answer(
        _ query: ReportQuery, tenant: Tenant, principal: Principal, language: Language = .english,
        now: Timestamp = .now()
    ) async throws -> JSON {
        let statement = ReportStatement(query: query, tenant: tenant, principal: principal)
        let results = try await database.flight(
            tenant.id, [PipelineFact.active(tenant.schema), Self.reached(statement), Self.durations(statement)],
            options: .read)
        let pipelines = try results[0].map { try PipelineFact($0) }
        var total: [Place: Closed] = [:]
        var groups: [ReportGroup: [Place: Closed]] = [:]
        for row in results[1] {
            let place = Place(pipeline: try row.get("pipeline_id"), stage: try row.get("stage"))
            let closed = Closed(won: try row.get("won"), lost: try row.get("lost"))
            total[place, default: Closed()].won += closed.won
            total[place, default: Closed()].lost += closed.lost
            let group = try statement.grouping.group(row)
            if group != .total { groups[group, default: [:]][place] = closed }
        }
        var times: [Place: Time] = [:]
        for row in results[2] {
            times[Place(pipeline: try row.get(0), stage: try row.get(1))] = Time(
                count: try row.get(2), median: try row.get(3), average: try row.get(4))
        }
        func stages(_ closed: [Place: Closed], _ times: [Place: Time]?) -> JSON {
            .array(
                pipelines.flatMap { pipeline in
                    pipeline.stages.map { stage in
                        let place = Place(pipeline: pipeline.id, stage: stage.key)
                        return Self.json(
                            stage, pipeline.name, closed[place] ?? Closed(), times.map { $0[place] }, language)
                    }
                })
        }
        let names = try await GroupNames.of(query, database, tenant, language)
        let shown = groups.sorted { $0.key < $1.key }.map { group, closed -> JSON in
            let members = group.members(names) + [("stages", stages(closed, nil))]
            return .object(JSONObject(distinct: members))
        }
        return [
            "asOf": query.asOf?.json ?? now.json, "stages": stages(total, times), "groups": .array(shown),
        ]
    }

    private static func json(
        _ stage: FunnelStage, _ pipeline: String, _ closed: Closed, _ time: Time??, _ language: Language
    ) -> JSON {
        var members: [JSONObject.Member] = [
            ("pipelineId", stage.pipeline.json), ("pipeline", .string(pipeline)), ("key", .string(stage.key)),
            ("name", .string(stage.name(language: language.rawValue))), ("winRate", .int(Int64(stage.winRate))),
            ("reached", .int(closed.won + closed.lost)), ("won", .int(closed.won)), ("lost", .int(closed.lost)),
            ("measuredWinRate", closed.rate.json),
        ]
        if let time {
            members += [
                ("left", .int(time?.count ?? 0)), ("medianDays", (time?.median).json),
                ("averageDays", (time?.average).json),
            ]
        }
        return .object(JSONObject(distinct: members))
    }

    // MARK: - Statements

    /// Closed deals by the stages that they came as far as.
    private static func reached(_ statement: ReportStatement) -> SQL {
        let schema = statement.tenant.schema
        let names = statement.grouping.more(of: "k")
        return """
            \(statement.keyed), place as (
                select p.id as pipeline_id, x.stage->>'key' as stage, x.place
                from \(schema).pipeline_facts p
                cross join lateral jsonb_array_elements(p.stages) with ordinality as x(stage, place)
            ), furthest as (
                select e.id, e.pipeline_id, max(place.place) as place from \(schema).stage_facts e
                join place on place.pipeline_id = e.pipeline_id and place.stage = e.stage
                where \(statement.seen("e.entered_at")) group by e.id, e.pipeline_id
            )
            select place.pipeline_id, place.stage, count(*) filter (where k.kind = 'won') as won,
                count(*) filter (where k.kind = 'lost') as lost\(names)
            from keyed k join \(statement.facts["opportunity_facts"]) o on o.id = k.id
            join furthest f on f.id = k.id and f.pipeline_id = o.pipeline_id
            join place on place.pipeline_id = o.pipeline_id and (place.place <= f.place or k.kind = 'won')
            where k.kind in ('won', 'lost') group by place.pipeline_id, place.stage\(names)
            """
    }

    /// Days that deals spent in stages they have left, by moving on or by being lost.
    private static func durations(_ statement: ReportStatement) -> SQL {
        let schema = statement.tenant.schema
        return """
            \(statement.keyed), stay as (
                select e.pipeline_id, e.stage, e.entered_at, coalesce(e.closed_at,
                    lead(e.entered_at) over (partition by e.id order by e.version), o.closed_at) as left_at
                from \(schema).stage_facts e join \(statement.facts["opportunity_facts"]) o on o.id = e.id
                where e.id in (select id from keyed where kind in ('open', 'won', 'lost')))
            select pipeline_id, stage, count(*), round((percentile_cont(0.5) within group (order by days))::numeric, 2)::float8,
                round(avg(days)::numeric, 2)::float8
            from (select *, extract(epoch from left_at - entered_at)::float8 / 86400 as days from stay) as s
            where days > 0 and \(statement.seen("left_at")) group by pipeline_id, stage
            """
    }
}
