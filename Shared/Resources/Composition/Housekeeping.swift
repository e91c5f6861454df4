import EventLog
import Postgres
import ServiceKit
import Tenancy
import Values

/// What a service forgets by and by: idempotency keys after their day, events of the embedded log after theirs.
///
/// Each service does all of it: what another has done there is nothing left to do of.
struct Housekeeping: Sendable {
    let database: TenantDatabase
    /// The embedded log; a broker trims its topics itself.
    let log: PostgresEventLog?
    /// Of events in the log.
    let retention: Duration
    let logger: Logger

    private static let pace = Duration.seconds(3_600)

    func run() async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: Self.pace)
            try await round(at: .now())
        }
    }

    func round(at now: Timestamp) async throws {
        try await forgetKeys(before: now - IdempotencyClaim.keeping)
        do { try await log?.trim(before: now - retention) } catch {
            try Task.checkCancellation()
            logger.warning("old events of the log stay: \(error)")
        }
    }

    private func forgetKeys(before time: Timestamp) async throws {
        for tenant in database.directory.all where tenant.status == .active {
            do {
                _ = try await database.flight(
                    tenant.id, ["delete from \(tenant.schema).idempotency_keys where created_at < \(time)"])
            } catch {
                try Task.checkCancellation()
                logger.warning("old idempotency keys of \(tenant.id) stay: \(error)")
            }
        }
    }
}
