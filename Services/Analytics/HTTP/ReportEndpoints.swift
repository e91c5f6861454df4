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

    var freshness: ProjectionFreshness {
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

    private static let named: JSON = [
        "type": "string",
        "description":
            "What the key is called in the reader's language, where it is a word: of a stage, a state of the lifecycle, a quadrant.",
    ]
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
                            "name": named, "key2": ["type": ["string", "null"]], "id2": ["type": "string"],
                            "name2": named,
                        ],
                    ],
                ],
                "total": ["type": "object"],
            ],
        ])

    static func shown(_ schema: Schema) -> [ResponseSpec] {
        [
            ResponseSpec(
                200, "The report.", schema: schema,
                headers: ["X-Guanxi-As-Of": "Time of the newest event that is counted."])
        ]
    }

    // MARK: - Counts

    private func report(_ subject: Subject, _ summary: String, _ description: String) -> Endpoint {
        Endpoint(
            .get, "/v1/analytics/\(subject.rawValue)", id: "report\(subject.title)", summary: summary,
            description: description + " Each figure's drill is the list of the records behind it.",
            tags: ["analytics"], permission: "analytics.read", parameters: ReportQuery.parameters(subject),
            responses: Self.shown(Self.answer), errors: [.invalidParameter, .ruleViolated]
        ) { call in
            try await answer(call) { tenant, principal in
                let query = try ReportQuery(subject, call.query, currency: try Currency(code: tenant.currency))
                return try await Reports(database: database).answer(
                    query, tenant: tenant, principal: principal, language: call.language)
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
            permission: "analytics.read", parameters: own + ReportQuery.parameters(subject),
            responses: Self.shown(schema),
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
                return try await Reports(database: database).records(
                    query, figure, try ReportGroup(query.dimensions, call.query), after: try call.query.uuid("cursor"),
                    limit: try call.query.int("limit", 1...500, default: 50),
                    isCounted: try call.query.string("count") != nil, tenant: tenant, principal: principal)
            }
        }
    }

    /// Answers a body once what the caller waits for is counted, with how far that is.
    func answer(
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
