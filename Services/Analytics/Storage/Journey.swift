import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The whole way of leads: qualified, opportunity, won, first order, stable; by cohort of their creation or any other
/// dimension, with the times between the steps.
struct Journey: Sendable {
    let database: TenantDatabase

    private static let steps = ["lead", "qualified", "opportunity", "won", "firstOrder", "stable"]

    func answer(
        _ query: ReportQuery, tenant: Tenant, principal: Principal, language: Language = .english,
        now: Timestamp = .now()
    ) async throws -> JSON {
        let thresholds = try await LifecycleStates(database: database).thresholds(query.thresholds, tenant)
        let statement = ReportStatement(query: query, tenant: tenant, principal: principal)
        var groups: [ReportGroup: JSON] = [:]
        var total = Self.json([], [])
        for row in try await database.query(tenant.id, sql(statement, stableFrom: thresholds.stableFromOrder)) {
            let counts = try Self.steps.indices.map { try row.get("count\($0)", as: Int64.self) }
            let days = try Self.steps.indices.dropFirst().map { try row.get("days\($0)", as: Double?.self) }
            let steps = Self.json(counts, [nil] + days)
            if try row.get("is_total", as: Bool.self) {
                total = steps
            } else {
                groups[try statement.grouping.group(row)] = steps
            }
        }
        let names = try await GroupNames.of(query, database, tenant, language)
        let items = groups.sorted { $0.key < $1.key }.map { group, steps -> JSON in
            .object(JSONObject(distinct: group.members(names) + [("steps", steps)]))
        }
        return [
            "asOf": query.asOf?.json ?? now.json, "stableFromOrder": .int(Int64(thresholds.stableFromOrder)),
            "groups": .array(items),
            "total": ["steps": total],
        ]
    }

    /// Each step with the part of all leads that took it, and the median of days since the step before.
    private static func json(_ counts: [Int64], _ days: [Double?]) -> JSON {
        .array(
            steps.indices.map { index in
                let count = index < counts.count ? counts[index] : 0
                return [
                    "step": .string(steps[index]), "count": .int(count),
                    "rate": Ratio.of(count, counts.first ?? 0).json,
                    "medianDays": (index < days.count ? days[index] : nil).json,
                ]
            })
    }

    /// An order counts from the day of the lead's creation: what the customer bought before is no fruit of this lead. Steps
    /// are told by their own dates, whenever they were written down.
    private func sql(_ statement: ReportStatement, stableFrom: Int) -> SQL {
        let (schema, zone) = (statement.tenant.schema, statement.tenant.timeZone)
        let grouping = statement.grouping
        let times = Self.steps.indices.map { "at\($0)" }
        // Of the steps, those taken by the day that is looked at.
        let seen = times.dropFirst().enumerated().map { index, time -> SQL in
            let told = "told\(index + 1)"
            return "case when \(statement.seen(told)) then \(raw: told) end as \(raw: time)"
        }.joined(separator: ", ")
        let counts = times.enumerated().map { "count(\($1)) as count\($0)" }.joined(separator: ", ")
        let days = times.indices.dropFirst().map { index in
            """
            round((percentile_cont(0.5) within group (order by case
                when \(times[index]) >= \(times[index - 1])
                    then extract(epoch from \(times[index]) - \(times[index - 1]))::float8
                when \(times[index]) < \(times[index - 1]) then 0 end))::numeric / 86400, 2)::float8 as days\(index)
            """
        }.joined(separator: ", ")
        return """
            \(statement.keyed), way as (
                select k.*, x.created_at as at0, least(q.entered_at, x.converted_at) as told1, o.opened_at as told2,
                    case when o.status = 'won' then o.closed_at end as told3,
                    f.first_order::timestamp at time zone \(zone) as told4,
                    f.stable::timestamp at time zone \(zone) as told5
                from keyed k join \(schema).lead_facts x on x.id = k.id
                left join lateral (select min(entered_at) as entered_at from \(schema).status_facts s
                    where s.id = x.id and s.status in ('qualified', 'converted')) as q on true
                left join \(schema).opportunity_facts o on o.id = x.opportunity_id and not o.deleted
                left join lateral (
                    select min(ordered_on) filter (where ordered_on >= k.day) as first_order,
                        max(ordered_on) filter (where place = \(Int64(stableFrom)) and ordered_on >= k.day) as stable
                    from (select ordered_on, row_number() over (order by ordered_on, r.id) as place
                        from \(schema).order_facts r
                        where r.account_id = x.account_id and not r.deleted and r.status = 'placed') as r
                ) as f on x.account_id is not null
                where k.kind = 'created'),
            seen as (select way.*, \(seen) from way)
            select \(raw: counts), \(raw: days), \(grouping.isTotal) as is_total\(grouping.more())
            from seen group by \(grouping.sets())
            """
    }
}
