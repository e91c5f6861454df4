import JSON
import Postgres
import Security
import ServiceKit
import Synchronization
import Tenancy
import Values

/// The keys that sign the gateway's tokens, the same on every instance: stored, rotated, published.
///
/// A new key is published for a minute before it signs, so that every instance and service knows it by then. Those
/// before it verify for another hour, longer than any token lives.
final class SigningKeys: Sendable {
    /// How often the stored keys are looked at.
    static let interval = Duration.seconds(15)
    static let introduction = Duration.seconds(60)
    static let overlap = Duration.seconds(3_600)

    private struct State {
        var current: SigningKey?
        var keySet = KeySet()
        var minter: IdentityMinter?
    }

    private let database: TenantDatabase
    private let rotation: Duration
    private let state = Mutex(State())

    /// - Parameter rotation: the age at which a key is followed by a new one.
    init(database: TenantDatabase, rotation: Duration) { (self.database, self.rotation) = (database, rotation) }

    /// What verifies tokens, ready for a JWKS document.
    var keySet: KeySet { state.withLock { $0.keySet } }

    /// Signs access tokens.
    var signer: TokenSigner {
        get throws { TokenSigner(key: try current, type: AccessToken.type) }
    }

    /// Signs identity tokens for the services.
    var minter: IdentityMinter {
        get throws {
            guard let minter = state.withLock({ $0.minter }) else { throw NotLoaded() }
            return minter
        }
    }

    private var current: SigningKey {
        get throws {
            guard let key = state.withLock({ $0.current }) else { throw NotLoaded() }
            return key
        }
    }

    struct NotLoaded: Error, CustomStringConvertible { let description = "the signing keys have not been read yet" }

    /// Looks at the stored keys until cancelled.
    func run() async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: Self.interval)
            try? await load()
        }
    }

    /// Reads the stored keys; makes a new one where there is none or the youngest is old.
    func load(now: Timestamp = .now()) async throws {
        let rotation = rotation
        let keys = try await database.shared { transaction in
            try await transaction.query("select pg_advisory_xact_lock(\(Self.lock))")
            var keys = try await Self.stored(transaction)
            if keys.first.map({ now - $0.createdAt >= rotation }) ?? true {
                let new = try SigningKey.generate()
                let jwk = try JSON.parse(new.privateJWK())
                try await transaction.query(
                    """
                    insert into shared.signing_keys (id, private_jwk, created_at) values (\(new.id), \(jwk), \(now))
                    """)
                keys.insert((new, now), at: 0)
            }
            // A key is needed for an hour after it got a successor.
            let expired = zip(keys.dropFirst(), keys).filter { now - $1.createdAt > Self.overlap }.map { $0.0.key.id }
            if !expired.isEmpty {
                try await transaction.query("delete from shared.signing_keys where id = any(\(expired))")
                keys.removeAll { expired.contains($0.key.id) }
            }
            return keys
        }
        let introduced = keys.first { now - $0.createdAt >= Self.introduction } ?? keys.last
        state.withLock { state in
            guard let key = introduced?.key else { return }
            state.keySet = KeySet(keys.map(\.key.publicKey))
            guard state.current?.id != key.id else { return }
            state.current = key
            state.minter = IdentityMinter(issuer: AccessToken.issuer, key: key)
        }
    }

    private static let lock: Int64 = 0x6775_616e_7869_0101

    private static func stored(
        _ transaction: PostgresTransaction
    ) async throws -> [(key: SigningKey, createdAt: Timestamp)] {
        let rows = try await transaction.query(
            "select private_jwk, created_at from shared.signing_keys order by created_at desc, id")
        return try rows.map { row in
            let jwk: JSON = try row.get(0)
            return (try SigningKey(jwk: jwk.serialize()), try row.get(1))
        }
    }
}
