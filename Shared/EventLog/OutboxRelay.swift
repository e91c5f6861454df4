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
    /// How long the oldest waiting event has waited; zero when caught up.
    public var lag = Duration.zero
    public var failures = 0

    /// What relays of several servers have done and have before them together.
    public static func sum(_ parts: some Sequence<RelayStatus>) -> RelayStatus {
        parts.reduce(into: RelayStatus()) { sum, part in
            sum.published += part.published
            sum.slots += part.slots
            sum.depth += part.depth
            sum.lag = max(sum.lag, part.lag)
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
        /// How often an idle relay looks, unasked: soon after activity, and in the end.
        public var shortestWait = Duration.milliseconds(20)
        public var longestWait = Duration.milliseconds(250)
        public init() {}
    }

    private let database: TenantDatabase
    private let log: any EventLog
    private let topic: String
    private let options: Options
    private let report: EventLogNotice.Report
    private let bell = Bell()
    private let state = Mutex(RelayStatus())

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
        let loop = database.database.group.here
        await withTaskExecutorPreference(loop) {
            var delay = Duration.milliseconds(50)
            while !Task.isCancelled {
                do {
                    try await log.createTopics([topic], partitions: PostgresEventLog.standardPartitions)
                    try await database.database.withLocks(database.outboxRole) { [self] session in
                        try await serve(session, loop)
                    }
                } catch {
                    if Task.isCancelled { return }
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

    // MARK: - One session

    private func serve(_ session: PostgresSession, _ loop: EventLoop) async throws {
        let shares = AdvisoryShares("relay")
        try await shares.join(session)
        for setting in OutboxReader.settings { try await session.query(setting) }
        // A cursor that a crash of the server undoes means repeats, which consumers skip. The log's commits wait.
        try await session.query("set synchronous_commit = off")
        let server = try DatabaseServer(try await session.query(DatabaseServer.query).single())
        var cursors: [Int16: RelayCursor] = [:]
        var held: Set<Int> = []
        var settled = ContinuousClock.now - .seconds(3600)
        var cleaned = settled
        var wait = options.shortestWait
        while true {
            try Task.checkCancellation()
            let now = ContinuousClock.now
            if now - settled > .milliseconds(500) {
                settled = now
                held = try await shares.settle(OutboxReader.slots, held: held, on: session)
                try await adopt(held, &cursors, server, session)
            }
            if now - cleaned > .seconds(60) {
                cleaned = now
                try await session.query("select shared.empty_outbox(b::smallint) from generate_series(0, 7) b")
            }
            let rings = bell.rings
            if let published = try await round(&cursors, server, session) {
                wait = options.shortestWait
                // The first round after a pause is begun at once, and a backlog knows no pause.
                let rest = log.appendPace.shared(by: published) - now.duration(to: .now)
                if rest > .zero, status.depth == 0 { try await Task.sleep(for: rest) }
            } else {
                await bell.wait(after: rings, upTo: wait, on: loop)
                wait = min(wait * 2, options.longestWait)
            }
        }
    }

    /// Reads the cursors of slots that became ours, and forgets those that went.
    private func adopt(
        _ held: Set<Int>, _ cursors: inout [Int16: RelayCursor], _ server: DatabaseServer, _ session: PostgresSession
    ) async throws {
        let slots = Set(held.map { Int16($0) })
        cursors = cursors.filter { slots.contains($0.key) }
        state.withLock { $0.slots = slots.count }
        let new = slots.subtracting(cursors.keys).sorted()
        guard !new.isEmpty else { return }
        var foreign: [Int16] = []
        for slot in new { cursors[slot] = .beginning }
        for row in try await session.query(OutboxReader.cursors(new)) {
            let slot: Int16 = try row.get(0)
            if try !server.owns(system: row.get(1), timeline: row.get(2)) { foreign.append(slot) }
            cursors[slot] = RelayCursor(
                snapshot: try row.get(3), upper: try row.get(4), lastID: try row.get(5))
        }
        if !foreign.isEmpty {
            let cursor = try await recover(foreign, server, session)
            for slot in foreign { cursors[slot] = cursor }
        }
    }

    /// After a logical restore or a move transaction ids mean nothing, and on another timeline the cursor may have been
    /// stored for what is no more: publishes all that is in the outbox again.
    private func recover(_ slots: [Int16], _ server: DatabaseServer, _ session: PostgresSession) async throws
        -> RelayCursor
    {
        report(
            EventLogNotice(
                .warning, "relay",
                "The database was moved or restored, or a standby took over: what is in its outbox is published again. "
                    + "If acknowledged writes are gone, stop all services and run guanxi recover."))
        // A snapshot taken before the update below sees neither it nor what commits meanwhile.
        let snapshot: String = try await session.query("select pg_current_snapshot()::text").single().get(0)
        let cursor = RelayCursor(snapshot: snapshot)
        _ = try await session.pipeline([
            "update shared.outbox set txid = pg_current_xact_id() where slot = any(\(slots))",
            OutboxReader.store(cursor, slots: slots, server: server),
        ])
        return cursor
    }

    // MARK: - One round

    /// Reads and publishes once for each distinct cursor; answers how many events, nil when there was nothing to do.
    private func round(
        _ cursors: inout [Int16: RelayCursor], _ server: DatabaseServer, _ session: PostgresSession
    ) async throws -> Int? {
        var published: Int?
        var target: String?
        let groups = Dictionary(grouping: cursors.keys) { cursors[$0] ?? .beginning }
        for (cursor, slots) in groups {
            let (next, count, current) = try await advance(cursor, slots, target, server, session)
            for slot in slots { cursors[slot] = next }
            if next.upper == nil { target = target ?? current }
            if count > 0 || next.upper != nil { published = (published ?? 0) + count }
        }
        if published == nil {
            state.withLock { state in
                state.depth = 0
                state.lag = .zero
            }
        }
        return published
    }

    private func advance(
        _ cursor: RelayCursor, _ slots: [Int16], _ target: String?, _ server: DatabaseServer, _ session: PostgresSession
    ) async throws -> (RelayCursor, Int, snapshot: String) {
        let read = cursor.read(upTo: target)
        let rows = try await session.query(OutboxReader.statement(read, slots: slots, page: options.page))
        guard let first = rows.first else { throw PostgresError.unexpected("the outbox read told no snapshot") }
        let current: String = try first.get(0)
        var events = try rows.compactMap(OutboxReader.event)
        events.sort { $0.id < $1.id }
        switch cursor.next(
            after: read, seenBy: current, count: events.count, lastID: events.last?.id, page: options.page)
        {
        case .page(let next):
            try await count(next, slots, session)
            return (next, 0, current)
        case .publish(let next):
            // Nothing new: the stored cursor is as good as this one.
            guard !events.isEmpty || cursor.upper != nil else { return (next, 0, next.snapshot) }
            try await log.append(events.map(\.record), to: topic)
            // Only now: a relay that dies before publishes again, and the inbox skips the repeats.
            try await session.query(OutboxReader.store(next, slots: slots, server: server))
            let left = state.withLock { state in
                state.published += events.count
                state.depth = max(0, state.depth - events.count)
                if let first = events.first { state.lag = Timestamp.now() - first.time }
                return state.depth
            }
            // What was counted is published, but there was more than is counted.
            if next.upper != nil, left == 0 { try await count(next, slots, session) }
            return (next, events.count, next.snapshot)
        }
    }

    /// Notes how much waits in slots that are behind.
    private func count(_ cursor: RelayCursor, _ slots: [Int16], _ session: PostgresSession) async throws {
        let statement = OutboxReader.depth(cursor, slots: slots, limit: options.countLimit)
        let row = try await session.query(statement).single()
        let depth: Int = try row.get(0)
        let oldest: Timestamp? = try row.get(1)
        state.withLock { state in
            state.depth = depth
            state.lag = oldest.map { Timestamp.now() - $0 } ?? .zero
        }
    }
}
