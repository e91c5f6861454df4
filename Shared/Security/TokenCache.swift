import Synchronization

/// Remembers verified tokens by their SHA-256, so that a signature (60 µs) is checked once per token and not once
/// per request. Bounded: two generations of at most half the capacity each; the older one is dropped when the
/// younger is full. Safe from any thread.
///
/// A revocation moves the cache's ``epoch``. Take the epoch *before* verifying and hand it to ``insert(_:for:until:epoch:)``:
/// what was verified before a revocation is then never remembered after it.
public final class TokenCache<Value: Sendable>: Sendable {
    private struct Entry {
        let value: Value
        let expires: Int64
    }

    private struct State {
        var young: [Digest: Entry] = [:]
        var old: [Digest: Entry] = [:]
        var epoch: UInt64 = 0
    }

    private let state = Mutex(State())
    private let generation: Int

    /// - Parameter capacity: the most tokens remembered.
    public init(capacity: Int = 20_000) { generation = max(1, capacity / 2) }

    /// Moves with each revocation.
    public var epoch: UInt64 { state.withLock { $0.epoch } }

    /// The value remembered for a token, unless it expired.
    /// - Parameter now: seconds since 1970.
    public func value(for token: Digest, now: Int64) -> Value? {
        state.withLock { state in
            if let entry = state.young[token] {
                if entry.expires > now { return entry.value }
                state.young[token] = nil
                return nil
            }
            guard let entry = state.old.removeValue(forKey: token), entry.expires > now else { return nil }
            insert(entry, for: token, &state)
            return entry.value
        }
    }

    /// Remembers a verified token until `expires` (seconds since 1970), unless there was a revocation since `epoch`.
    public func insert(_ value: Value, for token: Digest, until expires: Int64, epoch: UInt64) {
        state.withLock { state in
            guard state.epoch == epoch else { return }
            insert(Entry(value: value, expires: expires), for: token, &state)
        }
    }

    /// Forgets every token whose value `isRevoked`, and those being verified at this moment.
    public func revoke(where isRevoked: (Value) -> Bool) {
        state.withLock { state in
            state.epoch += 1
            state.young = state.young.filter { !isRevoked($0.value.value) }
            state.old = state.old.filter { !isRevoked($0.value.value) }
        }
    }

    /// Forgets one token.
    public func remove(_ token: Digest) {
        state.withLock { state in
            state.young[token] = nil
            state.old[token] = nil
        }
    }

    /// The number of tokens remembered, at most the capacity.
    public var count: Int { state.withLock { $0.young.count + $0.old.count } }

    private func insert(_ entry: Entry, for token: Digest, _ state: inout State) {
        if state.young.count >= generation {
            state.old = state.young
            state.young = [:]
            state.young.reserveCapacity(min(generation, 1_024))
        }
        state.young[token] = entry
    }
}
