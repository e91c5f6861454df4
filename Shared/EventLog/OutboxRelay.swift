import Postgres
import Runtime
import Synchronization
import Tenancy
import Values

/// What a relay has done and what waits, for metrics and for throttling imports.
public struct RelayStatus: Sendable, Hashable {
    public var published = 0
    /// Slots this instance publishes, of 16.
    public var slots = 0
    /// Events that wait; 0 when caught up, counted up to ``OutboxRelay/Options/countLimit`` while it is not.
    public var depth = 0
    /// When the oldest waiting event occurred; nil when caught up.
    public var oldest: Timestamp?
    public var failures = 0

    /// How long the oldest waiting event has waited; zero when caught up.
    public var lag: Duration { oldest.map { max(Timestamp.now() - $0, .zero) } ?? .zero }

    /// What relays of several servers have done and have before them together.
    public static func sum(_ parts: some Sequence<RelayStatus>) -> RelayStatus {
        parts.reduce(into: RelayStatus()) { sum, part in
            sum.published += part.published
            sum.slots += part.slots
            sum.depth += part.depth
            sum.oldest = [sum.oldest, part.oldest].compactMap(\.self).min()
            sum.failures += part.failures
        }
    }
}

/// Publishes a service's outbox to its topic, in order per aggregate and at least once.
///
/// The cursor is the snapshot up to which everything is published: transactions that commit late or out of order are
/// not skipped, and one that stays open holds up nobody. Instances share the outbox by slots, each owned through an
/// advisory lock. All of it happens on one session: who lost the lock cannot store a cursor.
public final class OutboxRelay: Sendable {
    public struct Options: Sendable {
        /// Events of one append.
        public var page = 2_000
        /// Events that wait are counted up to here.
        public var countLimit = 100_000
        /// How often cursors are stored while there is much to publish: what a crash leaves unstored is published again.
        public var storePace = Duration.milliseconds(50)
        /// How often what waits is counted while the log is away.
        public var countPace = Duration.seconds(5)
        /// How often an idle relay looks, unasked: soon after activity, and in the end.
        public var shortestWait = Duration.milliseconds(20)
        public var longestWait = Duration.milliseconds(250)
        public init() {}
    }

    private let database: TenantDatabase
    let log: any EventLog
    let topic: String
    let options: Options
    let report: EventLogNotice.Report
    private let bell = Bell()
    let state = Mutex(RelayStatus())
    /// What the log is taking, or would if it were there: what is published up to this cursor only.
    let appending = Mutex<(cursor: RelayCursor, slots: [Int16], since: ContinuousClock.Instant)?>(nil)
    /// Whether the last attempt to publish failed, and none has come as far as publishing since.
    private let isAway = Mutex(false)

    public init(
        database: TenantDatabase, log: any EventLog, topic: String, options: Options = Options(),
        report: @escaping EventLogNotice.Report = { _ in }
    ) {
        self.database = database
        self.log = log
        self.topic = topic
        self.options = options
        self.report = report
    }

    public var status: RelayStatus { state.withLock { $0 } }

    /// Where it reads, for its name: empty at home.
    public var place: String { database.isHome ? "" : " \(database.server)" }

    /// Tells that a transaction with events was committed. Cheap; many become one look.
    public func nudge() { bell.ring() }

    /// Publishes until the task is cancelled. Troubles of database and log are waited out.
    public func run() async {
        await withTaskGroup { group in
            group.addTask { await self.publish() }
            group.addTask { await self.count() }
            await group.waitForAll()
        }
    }

    /// Counts what waits while the log keeps an append waiting or cannot be reached: who publishes cannot do it then.
    private func count() async {
        while (try? await Task.sleep(for: options.countPace)) != nil {
            // Where the database is away, too, what was counted last stands.
            if let held = appending.withLock({ $0 }) {
                guard held.since.duration(to: .now) > options.countPace / 2,
                    let waiting = try? await waiting(after: [held.cursor: held.slots]),
                    appending.withLock({ $0?.since == held.since })
                else { continue }
                state.withLock { ($0.depth, $0.oldest) = waiting }
            } else if isAway.withLock({ $0 }) {
                guard let cursors = try? await storedCursors(), let waiting = try? await waiting(after: cursors),
                    isAway.withLock({ $0 })
                else { continue }
                state.withLock { ($0.depth, $0.oldest) = waiting }
            }
        }
    }

    /// How many events wait behind cursors, and when the oldest of them occurred.
    private func waiting(after cursors: [RelayCursor: [Int16]]) async throws -> (Int, Timestamp?) {
        var (depth, oldest): (Int, Timestamp?) = (0, nil)
        for (cursor, slots) in cursors {
            let statement = OutboxReader.depth(cursor, slots: slots, limit: options.countLimit)
            let row = try await database.database.query(statement, role: database.outboxRole).single()
            depth += try row.get(0, as: Int.self)
            oldest = [oldest, try row.get(1, as: Timestamp?.self)].compactMap(\.self).min()
        }
        return (depth, oldest)
    }

    /// How far each slot is, by what is stored of it.
    private func storedCursors() async throws -> [RelayCursor: [Int16]] {
        let slots = (0..<OutboxReader.slots).map { Int16($0) }
        var cursors = Dictionary(uniqueKeysWithValues: slots.map { ($0, RelayCursor.beginning) })
        for row in try await database.database.query(OutboxReader.cursors(slots), role: database.outboxRole) {
            cursors[try row.get(0)] = RelayCursor(
                snapshot: try row.get(3), upper: try row.get(4), lastID: try row.get(5))
        }
        return Dictionary(grouping: slots) { cursors[$0] ?? .beginning }
    }

    private func publish() async {
        let loop = database.database.group.here
        await withTaskExecutorPreference(loop) {
            var delay = Duration.milliseconds(50)
            while !Task.isCancelled {
                do {
                    try await log.createTopics([topic], partitions: PostgresEventLog.standardPartitions)
                    try await database.database.withLocks(database.outboxRole) { [self] session in
                        var session = try await RelaySession(self, session)
                        do { try await serve(&session, loop) } catch {
                            await session.end()
                            throw error
                        }
                    }
                } catch {
                    if Task.isCancelled { return }
                    isAway.withLock { $0 = true }
                    let failures = state.withLock { state in
                        state.failures += 1
                        return state.failures
                    }
                    report(EventLogNotice(.warning, "relay", "Begins anew (failure \(failures)): \(error)"))
                    delay = min(delay * 2, .seconds(2))
                    if failures == 1 { delay = .milliseconds(50) }
                    try? await Task.sleep(for: delay)
                }
            }
        }
    }

    /// Ends with an error only, that of the cancellation among them.
    private func serve(_ session: inout RelaySession, _ loop: EventLoop) async throws {
        var settled = ContinuousClock.now - .seconds(3600)
        var cleaned = settled
        var wait = options.shortestWait
        while true {
            try Task.checkCancellation()
            let now = ContinuousClock.now
            if now - settled > .milliseconds(500) {
                settled = now
                try await session.settle()
            }
            if now - cleaned > .seconds(60) {
                cleaned = now
                try await session.clean()
            }
            let rings = bell.rings
            let round = try await session.round()
            isAway.withLock { $0 = false }
            if let count = round {
                wait = options.shortestWait
                // The first round after a pause is begun at once, and a backlog knows no pause.
                let rest = log.appendPace.shared(by: count) - now.duration(to: .now)
                if rest > .zero, status.depth == 0 { try await Task.sleep(for: rest) }
            } else {
                await bell.wait(after: rings, upTo: session.mayRest(wait), on: loop)
                wait = min(wait * 2, options.longestWait)
            }
            try await session.storeWhenDue()
        }
    }
}
