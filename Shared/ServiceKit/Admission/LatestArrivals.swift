/// When each of the last two parties came last: enough to say when anybody but a given one did.
struct LatestArrivals<Key: Hashable & Sendable>: Sendable {
    private typealias Arrival = (key: Key, at: ContinuousClock.Instant)
    private var last: Arrival?
    /// The latest of all others than the last.
    private var before: Arrival?

    mutating func note(_ key: Key, at now: ContinuousClock.Instant) {
        if let last, last.key != key { before = last }
        last = (key, now)
    }

    /// When somebody else than this one came last.
    func latest(besides key: Key) -> ContinuousClock.Instant? {
        guard let last else { return nil }
        return last.key == key ? before?.at : last.at
    }
}
