import Synchronization

/// How busy a loop was: for each turn of the loop, the time between waking and sleeping again. An event that arrives
/// at the start of a turn waits at most that long, so this is the lag that work on the loop causes.
public struct LoopLag: Sendable, Hashable {
    /// Upper bounds of the histogram's buckets in seconds; the last bucket has none.
    public static let bounds: [Double] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]

    /// Turns counted.
    public let count: UInt64
    /// Time spent in all turns, in seconds.
    public let sum: Double
    /// The longest turn since the loop started, in seconds.
    public let maximum: Double
    /// Turns for each bucket of ``bounds`` and one for the rest; not cumulative.
    public let buckets: [UInt64]

    /// The mean turn in seconds.
    public var mean: Double { count == 0 ? 0 : sum / Double(count) }
}

/// Written by the loop's thread, read from anywhere; relaxed, because a metric needs no order.
final class LagMeter: Sendable {
    private let count = Atomic<UInt64>(0)
    private let sum = Atomic<UInt64>(0)
    private let maximum = Atomic<UInt64>(0)
    private let lastTurn = Atomic<UInt64>(0)
    private let lastIdle = Atomic<UInt64>(0)
    private let buckets: [Bucket] = (0...LoopLag.bounds.count).map { _ in Bucket() }
    private let bounds: [UInt64] = LoopLag.bounds.map { UInt64($0 * 1e9) }

    private final class Bucket: Sendable {
        let count = Atomic<UInt64>(0)
    }

    /// Ends a turn: `now` and `idle` (time asleep in all) in nanoseconds, and whether it is one that counts.
    func record(idle: UInt64, now: UInt64, counts: Bool) {
        let previous = lastTurn.load(ordering: .relaxed)
        let previousIdle = lastIdle.load(ordering: .relaxed)
        lastTurn.store(now, ordering: .relaxed)
        lastIdle.store(idle, ordering: .relaxed)
        guard counts, previous != 0, now > previous, idle >= previousIdle else { return }
        let slept = idle - previousIdle
        let busy = now - previous > slept ? now - previous - slept : 0
        add(1, to: count)
        add(busy, to: sum)
        if busy > maximum.load(ordering: .relaxed) { maximum.store(busy, ordering: .relaxed) }
        add(1, to: buckets[bounds.firstIndex { busy <= $0 } ?? bounds.count].count)
    }

    /// The turn that has begun begins at `now` only.
    func goesOn(at now: UInt64) { lastTurn.store(now, ordering: .relaxed) }

    /// One writer: a load and a store are enough.
    private func add(_ value: UInt64, to counter: borrowing Atomic<UInt64>) {
        counter.store(counter.load(ordering: .relaxed) &+ value, ordering: .relaxed)
    }

    var snapshot: LoopLag {
        LoopLag(
            count: count.load(ordering: .relaxed), sum: Double(sum.load(ordering: .relaxed)) / 1e9,
            maximum: Double(maximum.load(ordering: .relaxed)) / 1e9,
            buckets: buckets.map { $0.count.load(ordering: .relaxed) })
    }
}
