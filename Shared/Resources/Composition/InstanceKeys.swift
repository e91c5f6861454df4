import Foundation
import JSON
import Postgres
import Security
import ServiceKit
import Tenancy
import Values

/// The public keys of every running instance of a service: each signs with a key of its own, and whichever of them is
/// asked publishes the keys of all. Private keys never leave their process.
struct InstanceKeys: Sendable {
    /// How often an instance says that it still runs.
    static let interval = Duration.seconds(60)
    /// A key that nobody spoke for so long is forgotten: longer than any token lives and any database is away.
    static let lifetime = Duration.seconds(86_400)

    let database: TenantDatabase
    let own: KeySet
    let logger: Logger

    /// Makes the own key known before anything is signed with it.
    var part: Part {
        Part(
            "keys of the instances", start: { try await tell() },
            run: {
                while !Task.isCancelled {
                    try await Task.sleep(for: Self.interval)
                    do { try await tell() } catch let error where !(error is CancellationError) {
                        logger.warning("the other instances do not hear of this one's key: \(error)")
                    }
                }
            })
    }

    /// The keys of all; none while the database is away: who asks keeps those he knows.
    func all() async -> KeySet {
        let rows = try? await database.database.query(
            "select public_jwk from shared.instance_keys order by seen_at desc limit 1000", role: database.serviceRole)
        guard let rows else { return KeySet() }
        let others = rows.compactMap { row in
            (try? row.get(0, as: JSON.self)).flatMap { try? VerificationKey(jwk: $0) }
        }
        return own.merging(others)
    }

    private func tell() async throws {
        let now = Timestamp.now()
        let keys = own.jwks["keys"]?.array ?? []
        try await database.database.query(
            """
            insert into shared.instance_keys (id, public_jwk, seen_at)
            select key->>'kid', key, \(now) from unnest(\(keys)) key
            on conflict (id) do update set seen_at = excluded.seen_at
            """, role: database.serviceRole)
        try await database.database.query(
            "delete from shared.instance_keys where seen_at < \(now - Self.lifetime)", role: database.serviceRole)
    }
}
