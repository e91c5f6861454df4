import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// `GET /v1/accounts/{id}/timeline`: everything that happened to a customer, in order.
struct TimelineEndpoint: Sendable {
    let accounts: Resource<Account>
    let consumer: EventConsumer

    private var environment: ResourceEnvironment { accounts.environment }
    private var freshness: ProjectionFreshness {
        ProjectionFreshness(
            database: environment.database, consumer: consumer,
            aggregates: ["account", "contact", "lead", "opportunity", "order"])
    }

    private static let page = Schema(
        "Timeline",
        [
            "type": "object", "required": ["items", "nextCursor"],
            "properties": [
                "items": [
                    "type": "array",
                    "items": [
                        "type": "object",
                        "required": ["id", "at", "kind", "type", "subject", "actor", "summary", "details"],
                        "properties": [
                            "id": ["type": "string"], "at": ["type": "string"],
                            "kind": ["type": "string", "enum": TimelineKind.allCases.map(\.rawValue).json],
                            "type": ["type": "string"],
                            "subject": ["type": "object", "required": ["kind", "id", "version"]],
                            "actor": ["type": ["string", "null"]],
                            "summary": ["type": "object", "required": ["en", "zh"]],
                            "details": ["type": "object"],
                        ],
                    ],
                ],
                "nextCursor": ["type": ["string", "null"]],
            ],
        ])

    var endpoint: Endpoint {
        Endpoint(
            .get, "/v1/accounts/{id}/timeline", id: "listAccountTimeline",
            summary: "Everything that happened to a customer, the newest first",
            description: """
                Of the account and its contacts, the leads it came from (from their first touch on), its opportunities, \
                orders, activities and steps of the lifecycle, each with a sentence in both languages.
                """,
            tags: ["accounts"], permission: "accounts.read",
            parameters: [
                accounts.idParameter, .query("limit", "Entries per page.", 1...500, default: 50),
                .query("cursor", "nextCursor of the page before."),
                .query("sort", "-at, or at for the oldest first.", schema: ["type": "string", "enum": ["at", "-at"]]),
                .query(
                    "waitFor", "A write's X-Guanxi-Position, several separated by commas: waits for it, at most 5 s."),
            ],
            query: .filters(
                description:
                    "`kind=order,opportunity`, `type`, `subjectId`, `actor`, `at.gte`, `at.gt`, `at.lte`, `at.lt`."),
            responses: [
                ResponseSpec(
                    200, "A page.", schema: Self.page,
                    headers: ["X-Guanxi-As-Of": "Time of the newest event that is in timelines."])
            ], errors: [.notFound, .invalidParameter]
        ) { call in
            let tenant = try await environment.database.directory.active(try call.tenant)
            let account = try await accounts.visible(call.path.string("id"), try call.caller, tenant: tenant.id)
            try await freshness.wait(for: try call.query.list("waitFor"), tenant: tenant.id)
            let reached = try await freshness.reached(tenant)
            var response = HTTPResponse.json(try await page(of: account.id, call, tenant))
            if let reached { response.headers["X-Guanxi-As-Of"] = reached.description }
            return response
        }
    }

    private func page(of account: UUID, _ call: Call, _ tenant: Tenant) async throws -> JSON {
        let query = try Self.query(call, try tenant.textContext)
        let oldestFirst = query.sort.first.map { !$0.isDescending } ?? false
        let bound = call.query.items.filter { !["cursor", "limit", "waitFor"].contains($0.name) }
        let binding =
            ([tenant.id.text, "timeline", account.lowercased] + bound.map { "\($0.name)=\($0.value)" }.sorted())
            .joined(separator: "\u{0}")
        var position: TimelineStore.Position?
        if let cursor = query.cursor {
            position = .init(try environment.cursors.readText(cursor, binding: binding))
            guard position != nil else { throw Cursors.refused }
        }
        let rows = try await environment.database.query(
            tenant.id,
            TimelineStore.select(
                account: account, query, oldestFirst: oldestFirst, after: position, in: tenant.schema))
        let entries = try rows.map { try TimelineStore.entry($0) }
        let shown = try await TimelineStore.naming(entries.prefix(query.limit), environment.directory, tenant.id)
        let next = entries.count > query.limit ? shown.last.map { TimelineStore.Position($0).description } : nil
        return [
            "items": .array(shown.map(\.json)),
            "nextCursor": next.map { environment.cursors.make(text: $0, binding: binding) }.json,
        ]
    }

    private static func query(_ call: Call, _ context: TextContext) throws -> ListQuery {
        do {
            let query = try TimelineStore.filters.listQuery(
                call.query.items.map { ($0.name, $0.value) }, context: context, other: ["waitFor"])
            let others = query.fields != nil || query.count != nil || query.search != nil || !query.expand.isEmpty
            guard !others, query.sort.count <= 1, query.sort.allSatisfy({ $0.field.definition.name == "at" }) else {
                throw Problem(
                    .invalidParameter,
                    .init(
                        en: "A timeline knows limit, cursor, sort=at and filters.",
                        zh: "时间线仅支持 limit、cursor、sort=at 与筛选。"))
            }
            return query
        } catch let failure as ValidationFailure {
            throw Problem(translating: failure).map { Problem(.invalidParameter, errors: $0.errors) }
                ?? Problem(.invalidParameter)
        }
    }
}
