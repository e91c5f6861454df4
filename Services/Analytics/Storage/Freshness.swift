import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// How far the facts are.
struct Freshness: Sendable {
    let database: TenantDatabase

    /// Time of the newest event that is in the facts of any tenant; nil when none is.
    func reached() async throws -> Timestamp? {
        try await database.shared(options: .read) { tx in
            try await tx.query(
                "select max(event_time) from shared.inbox_offset where consumer = \(AnalyticsService.name)")
        }.single().get(0)
    }

    /// Waits until the events named `<aggregate id>:<version>` are in the facts.
    /// - Throws: a 503 problem when the time runs out.
    func wait(for positions: [String], tenant: Tenant, within limit: Duration = .seconds(5)) async throws {
        let deadline = ContinuousClock.now + limit
        for position in positions {
            let parts = position.split(separator: ":")
            guard parts.count == 2, let version = Int64(parts[1]), version >= 0 else {
                throw Problem.parameter(
                    "waitFor", code: "format",
                    .init(
                        en: "Send waitFor as X-Guanxi-Position was answered: <id>:<version>.",
                        zh: "waitFor 须与返回的 X-Guanxi-Position 一致：<编号>:<版本>。"))
            }
            try await wait(for: parts[0].lowercased(), version, tenant, until: deadline)
        }
    }

    private func wait(
        for id: String, _ version: Int64, _ tenant: Tenant, until deadline: ContinuousClock.Instant
    ) async throws {
        // Events are there in some 20 ms: asked for often at first, then ever more rarely.
        let began = ContinuousClock.now
        while true {
            let isThere: Bool = try await database.query(
                tenant.id,
                """
                select exists (select from \(tenant.schema).event_history
                    where aggregate_id = \(id) and sequence >= \(version))
                """
            ).single().get(0)
            if isThere { return }
            let now = ContinuousClock.now
            let delay = max(.milliseconds(3), min(began.duration(to: now) / 4, .milliseconds(50)))
            guard now + delay < deadline else {
                throw Problem(
                    .unavailable,
                    .init(en: "The report does not hold this write yet.", zh: "报表尚未包含此次写入。"),
                    retryAfter: .seconds(1))
            }
            try await Task.sleep(for: delay)
        }
    }
}
