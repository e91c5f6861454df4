import Synchronization

/// All metrics of a process, written for Prometheus (text format 0.0.4) at `/metrics`.
///
/// Names are snake_case with the unit at the end (`guanxi_http_request_seconds`); counters end in `_total`.
/// Registering a name twice is a programmer's error.
public final class MetricsRegistry: Sendable {
    /// One line of an exposition whose numbers live elsewhere, such as a pool's.
    public struct Sample: Sendable {
        public let labels: [(name: String, value: String)]
        public let value: Double

        public init(_ value: Double, _ labels: [(name: String, value: String)] = []) {
            (self.value, self.labels) = (value, labels)
        }
    }

    /// How a number behaves.
    public enum Kind: String, Sendable { case counter, gauge }

    private struct Entry: Sendable {
        let help: String
        let type: String
        /// Appends the metric's lines.
        let write: @Sendable (_ name: String, _ text: inout String) async -> Void
    }

    private let entries = Mutex<[String: Entry]>([:])

    public init() {}

    // MARK: Registering

    public func counter(_ name: String, help: String) -> Counter {
        let counter = Counter()
        register(name, help, "counter") { name, text in text.sample(name, [], Double(counter.value)) }
        return counter
    }

    public func counters(_ name: String, help: String, labels: [String]) -> Family<Counter> {
        let family = Family(labels: labels) { Counter() }
        register(name, help, "counter") { name, text in
            for (values, counter) in family.all { text.sample(name, zipped(labels, values), Double(counter.value)) }
        }
        return family
    }

    public func gauge(_ name: String, help: String) -> Gauge {
        let gauge = Gauge()
        register(name, help, "gauge") { name, text in text.sample(name, [], gauge.value) }
        return gauge
    }

    public func histogram(_ name: String, help: String, bounds: [Double] = Histogram.durations) -> Histogram {
        let histogram = Histogram(bounds: bounds)
        register(name, help, "histogram") { name, text in text.histogram(name, [], histogram) }
        return histogram
    }

    public func histograms(
        _ name: String, help: String, labels: [String], bounds: [Double] = Histogram.durations
    ) -> Family<Histogram> {
        let family = Family(labels: labels) { Histogram(bounds: bounds) }
        register(name, help, "histogram") { name, text in
            for (values, histogram) in family.all { text.histogram(name, zipped(labels, values), histogram) }
        }
        return family
    }

    /// Registers numbers that are asked for when somebody reads them.
    public func provide(
        _ name: String, _ kind: Kind, help: String, samples: @escaping @Sendable () async -> [Sample]
    ) {
        register(name, help, kind.rawValue) { name, text in
            for sample in await samples() { text.sample(name, sample.labels, sample.value) }
        }
    }

    // MARK: Reading

    /// The exposition, `text/plain; version=0.0.4`.
    public func exposition() async -> String {
        var text = ""
        for (name, entry) in entries.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            text += "# HELP \(name) \(entry.help.escaped(quotes: false))\n# TYPE \(name) \(entry.type)\n"
            await entry.write(name, &text)
        }
        return text
    }

    private func register(
        _ name: String, _ help: String, _ type: String,
        write: @escaping @Sendable (_ name: String, _ text: inout String) async -> Void
    ) {
        let entry = Entry(help: help, type: type, write: write)
        let isNew = entries.withLock { $0.updateValue(entry, forKey: name) == nil }
        precondition(isNew, "the metric \(name) is registered twice")
    }
}

private func zipped(_ labels: [String], _ values: [String]) -> [(name: String, value: String)] {
    zip(labels, values).map { (name: $0, value: $1) }
}

extension String {
    fileprivate mutating func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
        self += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.name)=\"\($0.value.escaped(quotes: true))\"" }
            self += "{" + pairs.joined(separator: ",") + "}"
        }
        self += " \(prometheusNumber(value))\n"
    }

    fileprivate mutating func histogram(
        _ name: String, _ labels: [(name: String, value: String)], _ histogram: Histogram
    ) {
        let snapshot = histogram.snapshot
        var cumulative: UInt64 = 0
        for (index, count) in snapshot.counts.enumerated() {
            cumulative += count
            let bound = index < histogram.bounds.count ? prometheusNumber(histogram.bounds[index]) : "+Inf"
            sample(name + "_bucket", labels + [(name: "le", value: bound)], Double(cumulative))
        }
        sample(name + "_sum", labels, snapshot.sum)
        sample(name + "_count", labels, Double(cumulative))
    }

    /// Escapes as the text format asks: backslash and line feed everywhere, quotes in label values.
    fileprivate func escaped(quotes: Bool) -> String {
        guard utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || $0 == 0x22 }) else { return self }
        return reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\"" where quotes: text += "\\\""
            default: text.append(character)
            }
        }
    }
}

/// Whole numbers without a fraction, as other exporters write them.
private func prometheusNumber(_ value: Double) -> String {
    if value == .infinity { return "+Inf" }
    if value == -.infinity { return "-Inf" }
    if value.isNaN { return "NaN" }
    return Int64(exactly: value).map(String.init) ?? "\(value)"
}
