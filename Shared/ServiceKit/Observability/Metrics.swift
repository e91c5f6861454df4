import Synchronization
import Values

/// A number that only grows, such as requests served.
public final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    public init() {}

    public func increment(by amount: UInt64 = 1) { count.wrappingAdd(amount, ordering: .relaxed) }

    public var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A number that goes up and down, such as open connections.
public final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    public init() {}

    public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    public func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let outcome = bits.compareExchange(expected: old, desired: new, ordering: .relaxed)
            if outcome.exchanged { return }
            old = outcome.original
        }
    }

    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// A distribution over fixed buckets, such as durations in seconds.
public final class Histogram: Sendable {
    /// Upper bounds in seconds from half a millisecond to ten seconds.
    public static let durations: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// What was observed: `counts[i]` values in bucket i (not cumulative), the last one above all bounds.
    public struct Snapshot: Sendable {
        public internal(set) var counts: [UInt64]
        public internal(set) var sum: Double
        public var count: UInt64 { counts.reduce(0, +) }
    }

    public let bounds: [Double]
    private let state: Mutex<Snapshot>

    public init(bounds: [Double] = Histogram.durations) {
        precondition(bounds == bounds.sorted(), "a histogram's bounds ascend")
        self.bounds = bounds
        state = Mutex(Snapshot(counts: Array(repeating: 0, count: bounds.count + 1), sum: 0))
    }

    public func observe(_ value: Double) {
        var bucket = 0
        while bucket < bounds.count, value > bounds[bucket] { bucket += 1 }
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    /// Observes a duration in seconds.
    public func observe(_ duration: Duration) { observe(duration.inSeconds) }

    public var snapshot: Snapshot { state.withLock { $0 } }
}

/// One metric under several label values: `requests.labelled("GET", "200").increment()`.
///
/// Keep what `labelled` answers where a path is hot. At most 1,000 combinations are kept apart; what comes after
/// them is counted together under `other`, so that no input can fill the memory.
public final class Family<Metric: Sendable>: Sendable {
    public static var limit: Int { 1_000 }

    private let make: @Sendable () -> Metric
    private let metrics = Mutex<[[String]: Metric]>([:])
    let labels: [String]

    init(labels: [String], make: @escaping @Sendable () -> Metric) { (self.labels, self.make) = (labels, make) }

    /// The metric for these values, one for each of the family's labels in their order.
    public func labelled(_ values: String...) -> Metric {
        precondition(values.count == labels.count, "a value for each of \(labels)")
        return metrics.withLock { metrics in
            if let metric = metrics[values] { return metric }
            let key = metrics.count < Self.limit ? values : values.map { _ in "other" }
            let metric = metrics[key] ?? make()
            metrics[key] = metric
            return metric
        }
    }

    var all: [(values: [String], metric: Metric)] {
        metrics.withLock { metrics in metrics.map { ($0.key, $0.value) } }
            .sorted { $0.values.lexicographicallyPrecedes($1.values) }
    }
}
