import HTTP
import Postgres
import Security
import Synchronization
import Tenancy
import Values

/// Somebody whose tokens and keys are not to be believed from now on.
struct Revocation: Sendable, Hashable {
    static let everybody = "*"

    /// Nil for operators.
    let tenant: TenantID?
    /// A user, an API key, a session or ``everybody``.
    let subject: String

    /// To be run in the tenant's transaction that makes it necessary.
    static func statement(_ subject: String) -> SQL { "insert into shared.revocations (subject) values (\(subject))" }
}

/// Learns of revocations, wherever they were made, and makes the token cache forget whom they mean.
///
/// Looks every 250 ms. Without news for five seconds nobody is believed any more.
final class Revocations: Sendable {
    static let interval = Duration.milliseconds(250)
    static let patience = Duration.seconds(5)

    private struct State {
        var epoch: Int64?
        var heard: ContinuousClock.Instant?
    }

    private let database: TenantDatabase
    private let cache: TokenCache<Identity>
    private let state = Mutex(State())

    init(database: TenantDatabase, cache: TokenCache<Identity>) { (self.database, self.cache) = (database, cache) }

    /// Looks until cancelled.
    func run() async throws {
        var rounds = 0
        while !Task.isCancelled {
            // A database that is down shows in `requireNews`.
            try? await look()
            if rounds % 14_400 == 0 { try? await forgetOld() }
            rounds += 1
            try await Task.sleep(for: Self.interval)
        }
    }

    /// - Throws: 503 when it is too long since revocations could be looked for.
    func requireNews() throws(Problem) {
        let heard = state.withLock { $0.heard }
        guard let heard, heard.duration(to: .now) < Self.patience else {
            throw Problem(.unavailable, retryAfter: .seconds(1))
        }
    }

    /// Looks now: after a revocation in this process, and at start.
    func look() async throws {
        let asked = ContinuousClock.now
        let known = state.withLock { $0.epoch }
        let epoch: Int64 = try await database.database.flight(
            role: database.serviceRole, ["select epoch from shared.revocation_epoch"], options: .read)[0]
            .single().get(0)
        if let known, epoch > known { try await apply(after: known, to: epoch) }
        state.withLock { state in
            state.epoch = max(state.epoch ?? epoch, epoch)
            state.heard = max(state.heard ?? asked, asked)
        }
    }

    private func apply(after known: Int64, to epoch: Int64) async throws {
        let rows = try await database.database.query(
            "select tenant, subject from shared.revocations where epoch > \(known) and epoch <= \(epoch)",
            role: database.serviceRole)
        // Some are gone already: this process slept for a day.
        guard rows.count == epoch - known else { return cache.revoke { _ in true } }
        let revocations = try rows.map { row in
            Revocation(tenant: try row.get(0, as: String?.self).flatMap { TenantID($0) }, subject: try row.get(1))
        }
        cache.revoke { identity in revocations.contains { identity.isRevoked(by: $0) } }
    }

    /// No token lives for a day.
    private func forgetOld() async throws {
        try await database.database.query(
            "delete from shared.revocations where revoked_at < now() - interval '1 day'", role: database.serviceRole)
    }
}
