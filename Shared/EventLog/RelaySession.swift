import Postgres
import Runtime
import Synchronization
import Values

/// What a relay does on one session of the database: its slots, how far each is published, and how far that is stored.
struct RelaySession {
    private let relay: OutboxRelay
    private let session: PostgresSession
    private let server: DatabaseServer
    private let shares = AdvisoryShares("relay")
    private var held: Set<Int> = []
    private var cursors: [Int16: RelayCursor] = [:]
    /// A page of a backlog that is read and not yet published, which cursor it follows, and of which slots it is.
    private var ahead: (cursor: RelayCursor, slots: [Int16], page: Page)?
    /// Slots that are published further than is stored.
    private var unstored: Set<Int16> = []
    private var stored = ContinuousClock.now - .seconds(3600)

    init(_ relay: OutboxRelay, _ session: PostgresSession) async throws {
        self.relay = relay
        self.session = session
        try await shares.join(session)
        for setting in OutboxReader.settings { try await session.query(setting) }
        // A cursor that a crash of the server undoes means repeats, which consumers skip. The log's commits wait.
        try await session.query("set synchronous_commit = off")
        server = try DatabaseServer(try await session.query(DatabaseServer.query).single())
    }

    /// Stores what is not stored yet, as far as the session still can; also after a cancellation.
    func end() async {
        guard !unstored.isEmpty else { return }
        await Task(executorPreference: EventLoop.current) { [self] in
            _ = try? await session.pipeline(statements)
        }.value
    }

    // MARK: - Slots

    /// Shares the slots with the other instances anew.
    mutating func settle() async throws {
        // Who takes a slot over begins where its cursor is stored.
        try await store()
        held = try await shares.settle(OutboxReader.slots, held: held, on: session)
        try await adopt()
    }

    /// Reads the cursors of slots that became ours, and forgets those that went.
    private mutating func adopt() async throws {
        let slots = Set(held.map { Int16($0) })
        cursors = cursors.filter { slots.contains($0.key) }
        if let found = ahead, !slots.isSuperset(of: found.slots) { ahead = nil }
        relay.state.withLock { $0.slots = slots.count }
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
            let cursor = try await recover(foreign)
            for slot in foreign { cursors[slot] = cursor }
        }
    }

    /// After a logical restore or a move transaction ids mean nothing, and on another timeline the cursor may have been
    /// stored for what is no more: publishes all that is in the outbox again.
    private func recover(_ slots: [Int16]) async throws -> RelayCursor {
        relay.report(
            EventLogNotice(
                .warning, "relay",
                "The database was moved or restored, or a standby took over: what is in its outbox is published again. "
                    + "If acknowledged writes are gone, stop all services and run guanxi recover."))
        // A snapshot taken before the update below sees neither it nor what commits meanwhile.
        let snapshot: String = try await session.query("select pg_current_snapshot()::text").single().get(0)
        let cursor = RelayCursor(snapshot: snapshot)
        // Hours of events may be there: the usual limit would end this each time anew.
        try await session.query("set statement_timeout = 0")
        _ = try await session.pipeline([
            "update shared.outbox set txid = pg_current_xact_id() where slot = any(\(slots))",
            OutboxReader.store(cursor, slots: slots, server: server),
        ])
        try await session.query("reset statement_timeout")
        return cursor
    }

    /// Empties parts of the outbox that are published.
    func clean() async throws {
        try await session.query("select shared.empty_outbox(b::smallint) from generate_series(0, 7) b")
    }

    /// Slots that are equally far, by how far.
    private func grouped(_ slots: some Sequence<Int16>) -> [RelayCursor: [Int16]] {
        Dictionary(grouping: slots.sorted()) { cursors[$0] ?? .beginning }
    }

    // MARK: - Storing

    // Each update leaves a dead row behind, which no vacuum may clear away while any transaction of the server is older.

    /// The statements that store what is not stored yet.
    private var statements: [SQL] {
        grouped(unstored).map { OutboxReader.store($0.key, slots: $0.value.sorted(), server: server) }
    }

    private mutating func store() async throws {
        guard !unstored.isEmpty else { return }
        _ = try await session.pipeline(statements)
        unstored = []
        stored = .now
    }

    mutating func storeWhenDue() async throws {
        if stored.duration(to: .now) >= relay.options.storePace { try await store() }
    }

    /// How long one that has nothing to publish may wait, of the time it would.
    func mayRest(_ wait: Duration) -> Duration {
        unstored.isEmpty ? wait : max(.zero, min(wait, relay.options.storePace - stored.duration(to: .now)))
    }

    // MARK: - One round

    /// Reads and publishes once for each distinct cursor; answers how many events, nil when there was nothing to do.
    mutating func round() async throws -> Int? {
        var published: Int?
        var target: String?
        for (cursor, slots) in grouped(cursors.keys) {
            let (next, count, current) = try await advance(cursor, slots, target)
            for slot in slots { cursors[slot] = next }
            // Of slots that just read everything only: where a backlog ended is a moment long gone.
            if cursor.upper == nil, next.upper == nil { target = target ?? current }
            if count > 0 || next.upper != nil { published = (published ?? 0) + count }
        }
        if published == nil {
            relay.state.withLock { state in
                state.depth = 0
                state.oldest = nil
            }
        }
        return published
    }

    private mutating func advance(
        _ cursor: RelayCursor, _ slots: [Int16], _ target: String?
    ) async throws -> (RelayCursor, Int, snapshot: String) {
        let page: Page
        if let known = take(cursor, slots) { page = known } else { page = try await look(cursor, slots, target) }
        switch page.step {
        case .page(let next):
            try await count(next, slots)
            return (next, 0, page.snapshot)
        case .publish(let next):
            // Nothing new: the stored cursor is as good as this one.
            guard !page.events.isEmpty || cursor.upper != nil else { return (next, 0, next.snapshot) }
            // Of a backlog the next page is read while the log takes this one; of one backlog, where there are several.
            let session = self
            let goesOn = next.upper != nil && ahead == nil
            async let following = goesOn ? session.look(next, slots, nil) : nil
            begin(page, cursor, slots)
            defer { relay.appending.withLock { $0 = nil } }
            try await relay.log.append(page.events.map(\.record), to: relay.topic)
            // Only now: a relay that dies before publishes again, and the inbox skips the repeats. And before anything
            // else that can fail: what the log has taken is not published again for that.
            for slot in slots { cursors[slot] = next }
            unstored.formUnion(slots)
            let left = note(page)
            // What keeps this look from being made the next round says, which then makes its own.
            if let page = try? await following { ahead = (next, slots, page) }
            // What was counted is published, but there was more than is counted.
            if next.upper != nil, left == 0 { try await count(next, slots) }
            return (next, page.events.count, next.snapshot)
        }
    }

    /// The page after a cursor, if it was read ahead for the same slots.
    private mutating func take(_ cursor: RelayCursor, _ slots: [Int16]) -> Page? {
        guard let found = ahead, found.cursor == cursor else { return nil }
        ahead = nil
        return found.slots == slots ? found.page : nil
    }

    /// Notes what is going to be published: it waits until the log has it.
    private func begin(_ page: Page, _ cursor: RelayCursor, _ slots: [Int16]) {
        relay.appending.withLock { $0 = (cursor, slots, .now) }
        relay.state.withLock { state in
            state.depth = max(state.depth, page.events.count)
            state.oldest = page.events.map(\.time).min() ?? state.oldest
        }
    }

    /// Notes that a page is published; answers how much of what was counted waits.
    private func note(_ page: Page) -> Int {
        relay.state.withLock { state in
            state.published += page.events.count
            state.depth = max(0, state.depth - page.events.count)
            state.oldest = state.depth > 0 ? page.events.last?.time : nil
            return state.depth
        }
    }

    /// What one look at the outbox found, and what follows from it.
    private struct Page: Sendable {
        let events: [OutboxEvent]
        let step: RelayCursor.Step
        /// The moment it was read at.
        let snapshot: String
    }

    private func look(_ cursor: RelayCursor, _ slots: [Int16], _ target: String?) async throws -> Page {
        let size = relay.options.page
        let read = cursor.read(upTo: target)
        let rows = try await session.query(OutboxReader.statement(read, slots: slots, page: size))
        guard let first = rows.first else { throw PostgresError.unexpected("the outbox read told no snapshot") }
        let snapshot: String = try first.get(0)
        let fitting = try rows.prefix { try !OutboxReader.isBeyond($0) }
        var events = try fitting.compactMap(OutboxReader.event)
        events.sort { $0.id < $1.id }
        // What did not fit is as much as a page that is full.
        let count = fitting.count < rows.count ? size + 1 : events.count
        let step = cursor.next(after: read, seenBy: snapshot, count: count, lastID: events.last?.id, page: size)
        return Page(events: events, step: step, snapshot: snapshot)
    }

    /// Notes how much waits in slots that are behind.
    private func count(_ cursor: RelayCursor, _ slots: [Int16]) async throws {
        let statement = OutboxReader.depth(cursor, slots: slots, limit: relay.options.countLimit)
        let row = try await session.query(statement).single()
        let depth: Int = try row.get(0)
        let oldest: Timestamp? = try row.get(1)
        relay.state.withLock { state in
            state.depth = depth
            state.oldest = oldest
        }
    }
}
