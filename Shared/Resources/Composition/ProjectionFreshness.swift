import Contracts
import EventLog
import Foundation
import HTTP
import Postgres
import Tenancy
import Values

/// How far a service's projection is, by what its consumer's inbox says. The service's shared migrations let it read
/// `shared.inbox_offset`.
public struct ProjectionFreshness: Sendable {
    private let consumer: EventConsumer
    private let database: TenantDatabase
    private let aggregates: [String]

    /// - Parameter aggregates: kinds of aggregates that a position may name; a position says only the id.
    public init(database: TenantDatabase, consumer: EventConsumer, aggregates: some Collection<String>) {
        (self.database, self.consumer, self.aggregates) = (database, consumer, aggregates.sorted())
    }

    /// Time of the newest event that is in the projection of any tenant on the tenant's server; nil when none is.
    public func reached(_ tenant: Tenant) async throws -> Timestamp? {
        let group = try consumer.serving(tenant).configuration.group
        return try await database.on(tenant.server).shared(options: .read) { tx in
            try await tx.query("select max(event_time) from shared.inbox_offset where consumer = \(group)")
        }.single().get(0)
    }

    /// Waits until the events named `<aggregate id>:<version>` are in the projection.
    ///
    /// - Throws: a 400 problem for a position that is none, 503 when the time runs out.
    public func wait(
        for positions: [String], tenant: TenantID, within limit: Duration = .seconds(5)
    ) async throws {
        let deadline = ContinuousClock.now + limit
        for position in positions {
            let parts = position.split(separator: ":")
            guard parts.count == 2, let id = UUID(String(parts[0])), let version = Int64(parts[1]),
                version >= 0
            else {
                throw Problem.parameter(
                    "waitFor", code: "format",
                    .init(
                        en: "Send waitFor as X-Guanxi-Position was answered: <id>:<version>.",
                        zh: "waitFor 须与返回的 X-Guanxi-Position 一致：<编号>:<版本>。"))
            }
            let isThere = try await consumer.waitUntilApplied(
                tenant: tenant, aggregates: aggregates.map { "\($0)/\(id.lowercased)" }, sequence: version,
                within: ContinuousClock.now.duration(to: deadline))
            guard isThere else {
                throw Problem(
                    .unavailable,
                    .init(en: "The answer does not hold this write yet.", zh: "结果尚未包含此次写入。"),
                    retryAfter: .seconds(1))
            }
        }
    }
}
