import EventLog
import HTTP
import JSON
import Postgres
import Resources
import Tenancy

/// How far the reports are.
extension ReportEndpoints {
    var status: Endpoint {
        let schema = Schema(
            "AnalyticsStatus", ["type": "object", "required": ["reached", "lag", "isStalled", "events"]])
        return Endpoint(
            .get, "/v1/analytics/status", id: "analyticsStatus", summary: "How far the reports are",
            tags: ["analytics"], permission: "analytics.read", parameters: [ReportQuery.waitFor],
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
}
