import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// A year, quarter or month: 2026, 2026-Q4, 2026-11.
struct TargetPeriod: Sendable, Hashable {
    let text: String
    let days: ClosedRange<CalendarDate>

    /// nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count <= 7, parts[0].count == 4, let year = Int(parts[0]), parts.count <= 2 else { return nil }
        let (month, period): (Int, Period)
        switch parts.count == 2 ? parts[1] : "" {
        case "": (month, period) = (1, .year)
        case let part where part.first == "Q":
            guard let quarter = Int(part.dropFirst()), (1...4).contains(quarter) else { return nil }
            (month, period) = (quarter * 3 - 2, .quarter)
        case let part:
            guard part.count == 2, let number = Int(part) else { return nil }
            (month, period) = (number, .month)
        }
        guard parts.count == 1 || !parts[1].isEmpty, (1900...2200).contains(year),
            let first = CalendarDate(year: year, month: month, day: 1)
        else { return nil }
        self.text = text
        days = first...first.end(of: period)
    }
}

/// The weighted funnel: what is open by stage, what was won in the period, and the period's target.
struct Funnel: Sendable {
    let database: TenantDatabase

    func answer(_ period: TargetPeriod, tenant: Tenant, principal: Principal, now: Timestamp = .now()) async throws
        -> JSON
    {
        let schema = tenant.schema
        let visible = visibility(principal)
        let results = try await database.flight(
            tenant.id,
            [
                """
                select stage, max(stage_name), coalesce(win_rate, 0), count(*), coalesce(sum(amount), 0)::text,
                    round(coalesce(sum(amount * coalesce(win_rate, 0) / 100), 0), 2)::text
                from \(schema).opportunity_facts
                where not deleted and status = 'open' and (currency is null or currency = \(tenant.currency))
                    and (expected_close_date is null or expected_close_date <= \(period.days.upperBound)) and \(visible)
                group by stage, coalesce(win_rate, 0) order by 3, 1
                """,
                """
                select coalesce(sum(amount), 0)::text from \(schema).opportunity_facts
                where not deleted and status = 'won' and currency = \(tenant.currency) and \(visible)
                    and close_date between \(period.days.lowerBound) and \(period.days.upperBound)
                """,
                // The whole tenant's target, or else those of its parts.
                """
                select sum(amount)::text from \(schema).target_facts
                where not deleted and period = \(period.text) and currency = \(tenant.currency) and \(visible)
                group by (owner_id is not null)::int * 2 + (team_id is not null or business_line_id is not null)::int
                order by (owner_id is not null)::int * 2 + (team_id is not null or business_line_id is not null)::int
                limit 1
                """,
            ], options: .read)
        let currency = try Currency(code: tenant.currency)
        func money(_ text: String) throws -> Money {
            // Halves of a cent come with two digits; a currency without them takes the whole part.
            let digits = text.split(separator: ".")
            let isWhole = Money.zero(currency).amount == "0"
            return try Money(amount: isWhole ? String(digits[0]) : text, currency: currency, allowNegative: true)
        }
        var weighted: Int64 = 0
        let stages = try results[0].map { row -> JSON in
            let sum = try money(try row.get(5))
            weighted += sum.minorUnits
            let stage: String = try row.get(0)
            return [
                "key": .string(stage), "name": try row.get(1, as: String?.self).json,
                "winRate": .int(Int64(try row.get(2, as: Int32.self))), "open": .int(try row.get(3)),
                "amount": try money(try row.get(4)).json, "weightedAmount": sum.json,
                "drill": ["open": .string("/v1/opportunities?status=open&stage=\(Drill.encoded(stage))")],
            ]
        }
        let won = try money(try results[1].single().get(0))
        let target = try results[2].first.flatMap { try $0.get(0, as: String?.self) }.map(money)
        let reached = weighted + won.minorUnits
        return [
            "asOf": now.json, "period": .string(period.text), "stages": .array(stages), "won": won.json,
            "weightedAmount": Money(minorUnits: reached, currency: currency).json, "target": target?.json ?? .null,
            "coverage": target.flatMap { Ratio.of(reached, $0.minorUnits) }.json,
            "shortfall": target.map { Money(minorUnits: max(0, $0.minorUnits - reached), currency: currency).json }
                ?? .null,
        ]
    }

    private func visibility(_ principal: Principal) -> SQL {
        switch principal.visibility {
        case .all: "true"
        case .own: "owner_id = \(principal.subjectID)"
        case .team, .subtree: "(owner_id = \(principal.subjectID) or team_id = any(\(principal.teamIDs)))"
        }
    }
}
