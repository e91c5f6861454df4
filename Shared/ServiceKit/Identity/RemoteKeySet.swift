import Runtime
import Security

/// The public keys of an issuer, read from its JWKS address.
///
/// They are read when a token names an unknown key, at most once per cool-down, so that forged key ids cannot make
/// us flood the issuer; and again when they are old, while the old ones go on serving. If the issuer does not
/// answer, what is known stays in use.
public actor RemoteKeySet {
    public typealias Fetch = @Sendable () async throws -> [UInt8]

    private let fetch: Fetch
    private let coolDown: Duration
    private let maximumAge: Duration
    private let clock: @Sendable () -> ContinuousClock.Instant
    private var keys = KeySet()
    private var fetched: ContinuousClock.Instant?
    private var attempted: ContinuousClock.Instant?
    private var lastFailure: String?
    private var running: Task<Void, Never>?

    /// - Parameters:
    ///   - fetch: reads the JWKS document.
    ///   - clock: replaced in tests.
    public init(
        coolDown: Duration = .seconds(1), maximumAge: Duration = .seconds(300),
        clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }, fetch: @escaping Fetch
    ) {
        (self.fetch, self.coolDown, self.maximumAge, self.clock) = (fetch, coolDown, maximumAge, clock)
    }

    /// The keys among which a token's key should be, fetched if it is not known.
    public func keys(for id: String) async -> KeySet {
        if keys[id] == nil {
            await refresh()
        } else if let fetched, clock() - fetched > maximumAge {
            begin()
        }
        return keys
    }

    /// For readiness: throws while no keys have ever been read.
    public func check() async throws {
        if keys.isEmpty { await refresh() }
        if keys.isEmpty { throw KeysUnavailable(reason: lastFailure ?? "not read yet") }
    }

    private func refresh() async {
        begin()
        await running?.value
    }

    /// Starts to fetch, unless it is being done or was just done.
    private func begin() {
        guard running == nil else { return }
        let now = clock()
        // At a service's start its issuer may be a moment behind: asked soon again, or readiness waits out the cool-down.
        if let attempted, now - attempted < (keys.isEmpty ? coolDown / 20 : coolDown) { return }
        attempted = now
        running = Task(executorPreference: EventLoop.current) { await self.fetchOnce() }
    }

    private func fetchOnce() async {
        do {
            let new = try KeySet(jwks: await fetch())
            if !new.isEmpty { (keys, fetched, lastFailure) = (new, clock(), nil) }
        } catch {
            lastFailure = "\(error)"
        }
        running = nil
    }
}

/// The issuer's keys could not be read yet.
public struct KeysUnavailable: Error, CustomStringConvertible {
    let reason: String
    public var description: String { "the keys that identities are verified with cannot be read: \(reason)" }
}
