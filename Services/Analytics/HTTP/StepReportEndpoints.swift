import Contracts
import HTTP
import JSON
import Resources
import Tenancy
import Values

/// The reports of steps: stages, the way of leads, the funnel.
extension ReportEndpoints {
    var stages: Endpoint {
        let schema = Schema("StagesReport", ["type": "object", "required": ["asOf", "stages", "groups"]])
        return Endpoint(
            .get, "/v1/analytics/stages", id: "reportStages",
            summary: "Win rates measured beside those configured, and time in each stage",
            description:
                "Measured is won ÷ closed of the deals, closed from `from` to `to`, that ever came as far as the "
                + "stage. Days are of stays that ended.", tags: ["analytics"], permission: "analytics.read",
            parameters: ReportQuery.parameters(.opportunities), responses: Self.shown(schema),
            errors: [.invalidParameter, .ruleViolated]
        ) { call in
            try await answer(call) { tenant, principal in
                let query = try ReportQuery(.opportunities, call.query, currency: try Currency(code: tenant.currency))
                return try await StageReport(database: database).answer(
                    query, tenant: tenant, principal: principal, language: call.language)
            }
        }
    }

    var journey: Endpoint {
        let schema = Schema("JourneyReport", ["type": "object", "required": ["asOf", "groups", "total"]])
        return Endpoint(
            .get, "/v1/analytics/journey", id: "reportJourney",
            summary: "How far leads came: qualified, opportunity, won, first order, stable",
            description:
                "Of the leads created from `from` to `to`, in cohorts when grouped by month; each step with its "
                + "part of all and the median days since the step before. Orders count from the lead's day on.",
            tags: ["analytics"], permission: "analytics.read",
            parameters: ReportQuery.parameters(.leads) + [
                ReportQuery.stableFromOrder
            ], responses: Self.shown(schema), errors: [.invalidParameter, .ruleViolated]
        ) { call in
            try await answer(call) { tenant, principal in
                let query = try ReportQuery(.leads, call.query, currency: try Currency(code: tenant.currency))
                return try await Journey(database: database).answer(
                    query, tenant: tenant, principal: principal, language: call.language)
            }
        }
    }

    var funnel: Endpoint {
        let schema = Schema(
            "FunnelReport",
            ["type": "object", "required": ["asOf", "period", "stages", "won", "weightedAmount", "target"]])
        return Endpoint(
            .get, "/v1/analytics/funnel", id: "reportFunnel", summary: "The weighted funnel against the target",
            description:
                "Open opportunities that may close in the period, by stage; the weighted amount of all of them "
                + "and what was won in the period stand against the target. Beside each stage's configured win rate the "
                + "one measured from history.", tags: ["analytics"],
            permission: "analytics.read",
            parameters: [
                .query("period", "2026, 2026-Q4 or 2026-11; this quarter when missing."), ReportQuery.waitFor,
            ],
            responses: Self.shown(schema), errors: [.invalidParameter, .ruleViolated]
        ) { call in
            let word = try call.query.string("period")
            return try await answer(call) { tenant, principal in
                let period = try PeriodKey(parameter: word, of: tenant, now: Timestamp.now())
                return try await Funnel(database: database)
                    .answer(period, tenant: tenant, principal: principal, language: call.language)
            }
        }
    }
}
