import Values

/// How much may be done at once, and who waits for it.
public struct AdmissionOptions: Sendable, Hashable {
    /// Requests that run at once, to begin with; adapted between the bounds when they differ.
    public var limit = 64.0
    public var bounds = 8.0...512.0
    /// Half of the requests should take no longer. When they do, fewer are let in.
    public var target = Duration.milliseconds(80)
    /// Of the limit, what one tenant may have while others have nothing, so that they need not wait.
    public var share = 0.75
    /// Who has been alone for so long may have all of it; nil for never.
    public var aloneAfter: Duration? = .seconds(10)
    /// Requests that wait, of all tenants.
    public var waiting = 256
    /// How long a request may wait: in a burst, and when its tenant's have waited long for a while already.
    public var patience = Duration.milliseconds(150)
    public var shortPatience = Duration.milliseconds(40)

    public init() {}

    /// A fixed number for what moves much data: it takes long, and says nothing of how busy the others are.
    public static func fixed(_ count: Int, share: Double = 0.5, patience: Duration = .seconds(5)) -> AdmissionOptions {
        var options = AdmissionOptions()
        options.limit = Double(count)
        options.bounds = Double(count)...Double(count)
        options.share = share
        // Who comes would wait for something long.
        options.aloneAfter = nil
        options.waiting = 4 * count
        (options.patience, options.shortPatience) = (patience, patience)
        return options
    }
}

extension AdmissionOptions {
    /// For files that are stored as they come: a part of each in memory, and a connection only while a part is stored.
    /// Many may take their time, and no tenant has the places of all.
    public static let files = AdmissionOptions.fixed(32, share: 0.25)

    /// For what takes a processor and some tens of megabytes each: a few at once leave the others room to breathe.
    public static let heavy: AdmissionOptions = {
        var options = AdmissionOptions.fixed(2, share: 1)
        options.waiting = 64
        return options
    }()
}

/// Whose turn it is among requests that want to run: decided without I/O.
///
/// Whoever has the fewest running goes first, so that a tenant with a thousand requests delays the others by what runs and
/// not by what waits. When too many wait, the newest of whoever has most waiting gives way.
struct AdmissionQueue<Key: Hashable & Sendable>: Sendable {
    enum Arrival: Hashable {
        case runs
        /// Wait no longer than this, then ``withdraw(_:of:)``.
        case waits(Duration)
        case refused
    }

    private struct Waiter {
        let id: UInt64
        let since: ContinuousClock.Instant
    }

    private struct Party {
        var running = 0
        var waiting: [Waiter] = []
        /// When it was let in last, counted in admissions.
        var turn = 0
        /// When one of its requests got in last without a long wait, or none waited. A queue alone is no overload: of more
        /// clients than may run at once some wait at any time, shortly.
        var wasShort: ContinuousClock.Instant?
    }

    private let options: AdmissionOptions
    private(set) var limit: Double
    private(set) var running = 0
    private(set) var waiting = 0
    private var parties: [Key: Party] = [:]
    private var turns = 0
    private var arrivals = LatestArrivals<Key>()
    private var pace: Pace

    init(_ options: AdmissionOptions, now: ContinuousClock.Instant) {
        self.options = options
        limit = options.limit
        pace = Pace(now)
    }

    /// When somebody else than this one came last.
    func latest(besides key: Key) -> ContinuousClock.Instant? { arrivals.latest(besides: key) }

    /// What a party may have running.
    private func share(of key: Key, now: ContinuousClock.Instant) -> Int {
        if let aloneAfter = options.aloneAfter {
            let isAlone = arrivals.latest(besides: key).map { $0 + aloneAfter <= now } ?? true
            if isAlone { return Int(limit) }
        }
        return max(1, Int(limit * options.share))
    }

    /// A request wants to run. Also answers who has to go for it, among those that wait.
    mutating func arrive(_ id: UInt64, of key: Key, now: ContinuousClock.Instant) -> (Arrival, evicted: UInt64?) {
        let party = parties[key] ?? Party()
        arrivals.note(key, at: now)
        // With room left, all who wait have their share already.
        if running < Int(limit), party.running < share(of: key, now: now) {
            letIn(key)
            return (.runs, nil)
        }
        pace.most = max(pace.most, limit)
        let wasShort = party.waiting.isEmpty ? now : party.wasShort ?? now
        var evicted: UInt64?
        if waiting >= options.waiting {
            guard let longest = parties.max(by: { $0.value.waiting.count < $1.value.waiting.count }),
                longest.value.waiting.count > party.waiting.count + 1
            else { return (.refused, nil) }
            evicted = parties[longest.key]?.waiting.popLast()?.id
            waiting -= 1
        }
        parties[key, default: Party()].waiting.append(Waiter(id: id, since: now))
        parties[key]?.wasShort = wasShort
        waiting += 1
        let isStanding = wasShort.duration(to: now) > options.patience * 2
        return (.waits(isStanding ? options.shortPatience : options.patience), evicted)
    }

    /// A request waits no longer: false when it has been let in or turned away meanwhile.
    mutating func withdraw(_ id: UInt64, of key: Key) -> Bool {
        guard let index = parties[key]?.waiting.firstIndex(where: { $0.id == id }) else { return false }
        parties[key]?.waiting.remove(at: index)
        waiting -= 1
        forget(key)
        return true
    }

    /// A request that ran is done; answers who runs now.
    mutating func finish(_ key: Key, took duration: Duration, now: ContinuousClock.Instant) -> [UInt64] {
        running -= 1
        parties[key]?.running -= 1
        forget(key)
        limit = pace.note(duration, limit: limit, options, now: now)
        var next: [UInt64] = []
        while waiting > 0, running < Int(limit) {
            let candidates = parties.filter {
                !$0.value.waiting.isEmpty && $0.value.running < share(of: $0.key, now: now)
            }
            guard let first = candidates.min(by: Self.isBefore) else { break }
            let waiter = parties[first.key, default: Party()].waiting.removeFirst()
            if waiter.since.duration(to: now) < options.shortPatience / 2 { parties[first.key]?.wasShort = now }
            next.append(waiter.id)
            letIn(first.key)
            waiting -= 1
        }
        return next
    }

    private mutating func letIn(_ key: Key) {
        turns += 1
        running += 1
        parties[key, default: Party()].running += 1
        parties[key]?.turn = turns
        pace.most = max(pace.most, Double(running))
    }

    /// Fewest running first, and among equals who had no turn for longest.
    private static func isBefore(_ a: (key: Key, value: Party), _ b: (key: Key, value: Party)) -> Bool {
        (a.value.running, a.value.turn) < (b.value.running, b.value.turn)
    }

    private mutating func forget(_ key: Key) {
        if let party = parties[key], party.running == 0, party.waiting.isEmpty { parties[key] = nil }
    }
}

/// Looks every quarter of a second whether more could run at once, or less should.
struct Pace: Sendable {
    private static let window = Duration.milliseconds(250)
    private static let fewest = 10

    /// The most that ran at once; as good as the limit when somebody had to wait.
    var most = 0.0
    private var began: ContinuousClock.Instant
    private var durations: [Duration] = []

    init(_ now: ContinuousClock.Instant) { began = now }

    /// The limit after one more request that took so long.
    mutating func note(
        _ duration: Duration, limit: Double, _ options: AdmissionOptions, now: ContinuousClock.Instant
    ) -> Double {
        guard options.bounds.lowerBound < options.bounds.upperBound else { return limit }
        durations.append(duration)
        guard durations.count >= Self.fewest, began.duration(to: now) >= Self.window else { return limit }
        defer {
            (began, most) = (now, 0)
            durations.removeAll(keepingCapacity: true)
        }
        // The middle one: a report that takes a second says nothing of the others.
        let median = durations.sorted()[durations.count / 2]
        let isSlow = median > options.target
        // Few at once that are slow nevertheless wait for something else: fewer would not be faster.
        if isSlow { return most < limit / 2 ? limit : max(limit * 0.8, options.bounds.lowerBound) }
        // What was taken back in a bad time is given again without need; more than that only when it is.
        return limit < options.limit || most >= limit.rounded(.down)
            ? min(limit * 1.1 + 1, options.bounds.upperBound) : limit
    }
}
