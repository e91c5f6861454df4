import Contracts
import Entities
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

    private var freshness: ProjectionFreshness {
        ProjectionFreshness(
            database: database, consumer: consumer, aggregates: Set(EventCatalogue.all.map(\.aggregate)))
    }

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
                    + "without the returned and cancelled; buyers are the different customers among them. lifecycle is "
                    + "that of asOf, decided by the tenant's lifecycle policy or by the thresholds given. quadrant is A "
                    + "prospects, B first buyers, C large orders, D many orders, E both, or lapsed."),
            records(.leads), records(.opportunities), records(.customers), stages, journey, funnel, status,
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
        ] + (subject == .opportunities ? [worth] : []) + (subject == .customers ? lifecycle + quadrants : []) + [
            waitFor
        ]
    }

    private static let worth = Parameter.query(
        "amountFrom", "Only opportunities of at least this amount, in the tenant's currency: the key ones.")

    private static var lifecycle: [Parameter] {
        [
            threshold("stableFromOrder", "The order that makes a customer stable", 2...10_000),
            threshold("atRiskAfterDays", "Days of silence", 1...36_500),
            threshold("lostAfterDays", "Days of silence", 2...36_500),
        ]
    }

    private static let quadrants: [Parameter] = [
        .query("windowDays", "Quadrants look at the orders of so many days.", 1...36_500, default: 365),
        .query(
            "ordersFrom", "From how many orders somebody buys often; the mean of the buyers when missing.",
            schema: ["type": "integer", "minimum": 1]),
        .query(
            "averageFrom", "From which average order somebody buys much; the mean order when missing.",
            schema: ["type": "string"]),
    ]

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
        Endpoint(
            .get, "/v1/analytics/\(subject.rawValue)", id: "report\(subject.title)", summary: summary,
            description: description + " Each figure's drill is the list of the records behind it.",
            tags: ["analytics"], permission: "analytics.read", parameters: Self.parameters(subject),
            responses: Self.shown(Self.answer), errors: [.invalidParameter, .ruleViolated]
        ) { call in
            try await answer(call) { tenant, principal in
                let query = try ReportQuery(subject, call.query, currency: try Currency(code: tenant.currency))
                return try await Reports(database: database).answer(query, tenant: tenant, principal: principal)
            }
        }
    }

    /// The list behind a figure that no other list answers.
    private func records(_ subject: Subject) -> Endpoint {
        let words = subject.figures.map { JSON.string($0) }
        let own: [Parameter] = [
            .query("figure", "Which.", schema: ["type": "string", "enum": .array(words)], required: true),
            .query("key", "The group's; none is the group of those without."), .query("id", "The group's id."),
            .query("key2", "Of the second dimension."), .query("id2", "Of the second dimension."),
            .query("limit", "Records per page.", 1...500, default: 50),
            .query("cursor", "nextCursor of the page before."),
            .query("count", "Also count.", schema: ["type": "string", "enum": ["exact"]]),
        ]
        let schema = Schema(
            "ReportRecords\(subject.title)", ["type": "object", "required": ["items", "nextCursor"]])
        return Endpoint(
            .get, "/v1/analytics/\(subject.rawValue)/records", id: "list\(subject.title)Records",
            summary: "The records behind a figure of the report",
            description: "Takes the report's parameters; with groupBy, key and id say which group.",
            tags: ["analytics"],
            permission: "analytics.read", parameters: own + Self.parameters(subject), responses: Self.shown(schema),
            errors: [.invalidParameter, .ruleViolated]
        ) { call in
            try await answer(call) { tenant, principal in
                let query = try ReportQuery(subject, call.query, currency: try Currency(code: tenant.currency))
                let figure = try call.query.required("figure")
                guard subject.figures.contains(figure) else {
                    let words = subject.figures.joined(separator: ", ")
                    throw Problem.parameter(
                        "figure", code: "choice", .init(en: "figure is one of \(words).", zh: "figure 可取：\(words)。"))
                }
                let keys = try zip(query.dimensions, ["", "2"]).map { dimension, suffix in
                    GroupKey(
                        dimension: dimension, name: try call.query.string("key\(suffix)"),
                        id: try call.query.string("id\(suffix)"))
                }
                return try await Reports(database: database).records(
                    query, figure, keys, after: try call.query.uuid("cursor"),
                    limit: try call.query.int("limit", 1...500, default: 50),
                    isCounted: try call.query.string("count") != nil, tenant: tenant, principal: principal)
            }
        }
    }

    private var stages: Endpoint {
        let schema = Schema("StagesReport", ["type": "object", "required": ["asOf", "stages", "groups"]])
        return Endpoint(
            .get, "/v1/analytics/stages", id: "reportStages",
            summary: "Win rates measured beside those configured, and time in each stage",
            description:
                "Measured is won ÷ closed of the deals, closed from `from` to `to`, that ever came as far as the "
                + "stage. Days are of stays that ended.", tags: ["analytics"], permission: "analytics.read",
            parameters: Self.parameters(.opportunities), responses: Self.shown(schema),
            errors: [.invalidParameter, .ruleViolated]
        ) { call in
            try await answer(call) { tenant, principal in
                let query = try ReportQuery(.opportunities, call.query, currency: try Currency(code: tenant.currency))
                return try await StageReport(database: database).answer(
                    query, tenant: tenant, principal: principal, language: call.language)
            }
        }
    }

    private var journey: Endpoint {
        let schema = Schema("JourneyReport", ["type": "object", "required": ["asOf", "groups", "total"]])
        return Endpoint(
            .get, "/v1/analytics/journey", id: "reportJourney",
            summary: "How far leads came: qualified, opportunity, won, first order, stable",
            description:
                "Of the leads created from `from` to `to`, in cohorts when grouped by month; each step with its "
                + "part of all and the median days since the step before. Orders count from the lead's day on.",
            tags: ["analytics"], permission: "analytics.read",
            parameters: Self.parameters(.leads) + [
                Self.threshold("stableFromOrder", "The order that makes a customer stable", 2...10_000)
            ], responses: Self.shown(schema), errors: [.invalidParameter, .ruleViolated]
        ) { call in
            try await answer(call) { tenant, principal in
                let query = try ReportQuery(.leads, call.query, currency: try Currency(code: tenant.currency))
                return try await Journey(database: database).answer(query, tenant: tenant, principal: principal)
            }
        }
    }

    private var funnel: Endpoint {
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
            parameters: [.query("period", "2026, 2026-Q4 or 2026-11; this quarter when missing."), Self.waitFor],
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
                    "reached": try await freshness.reached(tenant)?.json ?? .null,
                    "lag": (try? await consumer.serving(tenant).lag())?.json ?? .null,
                    "isStalled": .bool(try consumer.serving(tenant).status.isStalled), "events": .int(events),
                ]
            }
        }
    }

    private func answer(
        _ call: Call, _ body: (Tenant, Principal) async throws -> JSON
    ) async throws -> HTTPResponse {
        let tenant = try await database.directory.active(try call.tenant)
        try await freshness.wait(for: try call.query.list("waitFor"), tenant: tenant.id)
        // Read before the figures: they hold at least this much.
        let reached = try await freshness.reached(tenant)
        var response = HTTPResponse.json(try await body(tenant, try call.caller))
        if let reached { response.headers["X-Guanxi-As-Of"] = reached.description }
        return response
    }
}

extension Subject {
    /// As operation ids have it: `Leads`.
    fileprivate var title: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
}
