import Contracts
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The reports, and how far they are.
struct ReportEndpoints: Sendable {
    let database: TenantDatabase
    let consumer: EventConsumer

    private var freshness: Freshness { Freshness(database: database) }

    var all: [Endpoint] {
        [
            report(
                .leads, "Leads by creation: created, converted, conversion rate",
                "Converted counts those of the leads created in the period."),
            report(
                .opportunities, "Opportunities: won and lost by close date, open as of a day",
                "What is open belongs to no period: null where the groups are periods."),
            report(
                .customers, "Customers, their orders and lifecycle",
                "A customer counts from creation or the first order, whichever is earlier; orders by their date, "
                    + "without the returned and cancelled. lifecycle is that of asOf, decided by the tenant's lifecycle "
                    + "policy or by the thresholds given."),
            funnel, status,
        ]
    }

    // MARK: - Parameters

    private static let date: JSON = ["type": "string", "format": "date"]
    private static let waitFor = Parameter.query(
        "waitFor", "A write's X-Guanxi-Position, several separated by commas: waits until it is counted, at most 5 s.")

    private static func parameters(_ subject: Subject) -> [Parameter] {
        let words = Dimension.allCases.filter { $0.isKnown(to: subject) }.map(\.rawValue).joined(separator: ", ")
        return [
            .query("groupBy", "One or two of \(words), separated by a comma."),
            .query("from", "First day, in the tenant's time zone.", schema: date),
            .query("to", "Last day, inclusive.", schema: date),
            .query("asOf", "The day at whose end things are looked at; now when missing.", schema: date),
            threshold("stableFromOrder", "The order that makes a customer stable", 2...10_000),
            threshold("atRiskAfterDays", "Days of silence", 1...36_500),
            threshold("lostAfterDays", "Days of silence", 2...36_500), waitFor,
        ]
    }

    private static func threshold(_ name: String, _ description: String, _ range: ClosedRange<Int64>) -> Parameter {
        .query(
            name, "\(description); the tenant's lifecycle policy says it when missing.",
            schema: ["type": "integer", "minimum": .int(range.lowerBound), "maximum": .int(range.upperBound)])
    }

    private static let answer = Schema(
        "Report",
        [
            "type": "object", "required": ["asOf", "groups", "total"],
            "properties": [
                "asOf": ["type": "string"],
                "groups": [
                    "type": "array",
                    "items": [
                        "type": "object", "required": ["key"],
                        "properties": [
                            "key": ["type": ["string", "null"]], "id": ["type": "string"],
                            "key2": ["type": ["string", "null"]], "id2": ["type": "string"],
                        ],
                    ],
                ],
                "total": ["type": "object"],
            ],
        ])

    private static func shown(_ schema: Schema) -> [ResponseSpec] {
        [
            ResponseSpec(
                200, "The report.", schema: schema,
                headers: ["X-Guanxi-As-Of": "Time of the newest event that is counted."])
        ]
    }

    // MARK: - Endpoints

    private func report(_ subject: Subject, _ summary: String, _ description: String) -> Endpoint {
        let id = "report" + subject.rawValue.prefix(1).uppercased() + subject.rawValue.dropFirst()
        return Endpoint(
            .get, "/v1/analytics/\(subject.rawValue)", id: id, summary: summary, description: description,
            tags: ["analytics"], permission: "analytics.read", parameters: Self.parameters(subject),
            responses: Self.shown(Self.answer), errors: [.invalidParameter, .ruleViolated]
        ) { call in
            let query = try ReportQuery(subject, call.query)
            return try await answer(call) { tenant, principal in
                try await Reports(database: database).answer(query, tenant: tenant, principal: principal)
            }
        }
    }

    private var funnel: Endpoint {
        let schema = Schema(
            "FunnelReport",
            ["type": "object", "required": ["asOf", "period", "stages", "won", "weightedAmount", "target"]])
        return Endpoint(
            .get, "/v1/analytics/funnel", id: "reportFunnel", summary: "The weighted funnel against the target",
            description: "Open opportunities that may close by the period's end, by stage; the weighted amount of all "
                + "of them and what was won in the period stand against the target.", tags: ["analytics"],
            permission: "analytics.read",
            parameters: [.query("period", "2026, 2026-Q4 or 2026-11; this quarter when missing."), Self.waitFor],
            responses: Self.shown(schema), errors: [.invalidParameter, .ruleViolated]
        ) { call in
            let word = try call.query.string("period")
            return try await answer(call) { tenant, principal in
                let text = word ?? Timestamp.now().date(in: tenant.zone).key(of: .quarter)
                guard let period = TargetPeriod(text) else {
                    throw Problem.parameter(
                        "period", code: "format",
                        .init(en: "period is 2026, 2026-Q4 or 2026-11.", zh: "period 格式为 2026、2026-Q4 或 2026-11。"))
                }
                return try await Funnel(database: database).answer(period, tenant: tenant, principal: principal)
            }
        }
    }

    private var status: Endpoint {
        let schema = Schema(
            "AnalyticsStatus", ["type": "object", "required": ["reached", "lag", "isStalled", "events"]])
        return Endpoint(
            .get, "/v1/analytics/status", id: "analyticsStatus", summary: "How far the reports are",
            tags: ["analytics"], permission: "analytics.read", parameters: [Self.waitFor],
            responses: Self.shown(schema)
        ) { call in
            try await answer(call) { tenant, _ in
                let events: Int64 = try await database.query(
                    tenant.id, "select count(*) from \(tenant.schema).event_history"
                ).single().get(0)
                return [
                    "reached": try await freshness.reached()?.json ?? .null,
                    "lag": (try? await consumer.lag())?.json ?? .null,
                    "isStalled": .bool(consumer.status.isStalled), "events": .int(events),
                ]
            }
        }
    }

    private func answer(
        _ call: Call, _ body: (Tenant, Principal) async throws -> JSON
    ) async throws -> HTTPResponse {
        let tenant = try await database.directory.active(try call.tenant)
        try await freshness.wait(for: try call.query.list("waitFor"), tenant: tenant)
        // Read before the figures: they hold at least this much.
        let reached = try await freshness.reached()
        var response = HTTPResponse.json(try await body(tenant, try call.caller))
        if let reached { response.headers["X-Guanxi-As-Of"] = reached.description }
        return response
    }
}
