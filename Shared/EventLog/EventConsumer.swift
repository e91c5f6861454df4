import Foundation
import Postgres
import Synchronization
import Tenancy
import Values

/// Feeds the events of topics to handlers, with effect, sequence and offset in one transaction, so that each event's
/// effect happens exactly once although topics deliver at least once.
///
/// An event that cannot be applied is parked with its reason in `shared.dead_letter`; later events of its aggregate
/// wait behind it, in order, while all others go on. See ``DeadLetters`` for how they are driven again.
public final class EventConsumer: Sendable {
    public struct Configuration: Sendable {
        /// The consumer group, and the name in the inbox. A new name reads everything from the start: a rebuild.
        public var group: String
        public var topics: [String]
        /// Where a group begins in partitions it never read. Only `earliest` sees every event of an aggregate.
        public var start: EventPosition = .earliest
        /// Whether the first event seen of an aggregate may have any sequence: for topics that no longer hold the
        /// beginning. Always so when `start` is not `earliest`.
        public var acceptsMidway = false
        /// Whether effects outlive a crash of the database server at once. Those of handlers that write no events of
        /// their own need not: offset and effect are undone together, and the log is read again from there.
        public var isDurable = true
        /// Events of one transaction.
        public var batch = 500
        /// Batches begin at least this long after one another, so that under load a transaction, which costs about a
        /// millisecond of the machine whatever its size, carries several events; longer while they carry many. The first
        /// after a pause is done at once.
        public var pace = Duration.milliseconds(10)
        /// How long an event may fail for reasons that may pass (a lock, a tenant not yet there) before it is parked.
        public var patience = Duration.seconds(5)
        /// Without progress for this long, with events waiting, the consumption is begun anew.
        public var stallLimit = Duration.seconds(60)

        public init(group: String, topics: [String]) {
            self.group = group
            self.topics = topics
        }
    }

    public let configuration: Configuration
    let log: any EventLog
    let database: TenantDatabase
    let handlers: [any EventHandler]
    let inbox: Inbox
    let report: EventLogNotice.Report
    let applied: (@Sendable (CloudEvent) -> Void)?
    let progress = Mutex(ConsumerProgress())
    /// Rings with each commit.
    let commits = Bell()
    /// What the handlers ask for of the data of each type; of others nothing.
    private let forms: [String: DataForm]
    /// Those of the same group for tenants on other servers, by server; only at home. Each server's are a group of the
    /// log of their own, reads everything, and does what concerns the tenants there: effect, sequence and offset commit
    /// together.
    public let others: [String: EventConsumer]

    /// - Parameter applied: hears of each event whose effect is committed, on the consumer's loop.
    public init(
        _ configuration: Configuration, log: any EventLog, database: TenantDatabase, handlers: [any EventHandler],
        report: @escaping EventLogNotice.Report = { _ in }, applied: (@Sendable (CloudEvent) -> Void)? = nil
    ) {
        self.configuration = configuration
        self.log = log
        self.database = database
        self.handlers = handlers
        self.report = report
        self.applied = applied
        inbox = Inbox(consumer: configuration.group)
        forms = handlers.reduce(into: [:]) { forms, handler in
            for type in handler.types { forms[type] = max(forms[type] ?? .nothing, handler.form) }
        }
        let away = database.isHome ? database.everywhere.filter { !$0.isHome } : []
        others = Dictionary(
            uniqueKeysWithValues: away.map { place in
                var own = configuration
                own.group += "@\(place.server)"
                let consumer = EventConsumer(
                    own, log: log, database: place, handlers: handlers, report: report, applied: applied)
                return (place.server, consumer)
            })
    }

    /// This one and those on other servers.
    public var everywhere: [EventConsumer] { [self] + others.sorted { $0.key < $1.key }.map(\.value) }

    /// The one on a tenant's server.
    public func serving(_ tenant: Tenant) throws(TenancyError) -> EventConsumer {
        if tenant.server == database.server { return self }
        guard let other = others[tenant.server] else { throw .unknownServer(tenant.server) }
        return other
    }

    /// Asks which tenants' events are another server's. What names no tenant that is known is looked at at home.
    private func elsewhere(_ events: ArraySlice<ReceivedEvent>) -> SQL? {
        guard !database.isHome || !others.isEmpty else { return nil }
        return database.absent(Set(events.map(\.key.tenant)).sorted())
    }

    /// Consumes until the task is cancelled. Troubles of the log and the database are waited out.
    public func run() async throws {
        while true {
            do {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    let consumption = EventConsumption(self)
                    tasks.addTask { try await self.consume(consumption) }
                    tasks.addTask { try await self.watch(consumption) }
                    defer { tasks.cancelAll() }
                    try await tasks.next()
                }
            } catch is CancellationError where Task.isCancelled {
                return
            } catch {
                say(.error, "Consumption ended and begins anew: \(error)")
            }
            do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
        }
    }

    private func consume(_ consumption: EventConsumption) async throws {
        try await log.consume(
            group: configuration.group, topics: configuration.topics, batch: configuration.batch,
            subscriber: consumption)
    }

    // MARK: - Pausing

    /// The lock that transactions of a group which apply events share, and that is taken alone by whoever lets them rest.
    public static func restLock(of group: String) -> SQL { "hashtextextended(\(group), 5077)" }

    /// Does something while no instance of the group applies events: waits for the batches under way, and holds back
    /// those after them until the end of `body`, or of this process. Partitions stay assigned.
    public func whileAllRest<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await Self.whileResting(everywhere[...], body)
    }

    private static func whileResting<Value: Sendable>(
        _ consumers: ArraySlice<EventConsumer>, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard let first = consumers.first else { return try await body() }
        return try await first.database.database.withLocks(first.database.outboxRole) { session in
            try await session.query("select pg_advisory_lock(\(first.inbox.restLock))")
            return try await whileResting(consumers.dropFirst(), body)
        }
    }

    // MARK: - One batch

    /// What is asked for of the data of events of a type.
    func form(of type: String) -> DataForm { forms[type] ?? .nothing }

    private func isWanted(_ type: String) -> Bool { forms[type] != nil }

    /// Applies events in one transaction.
    ///
    /// - Parameter poison: why the only event of the batch cannot be applied; it is parked.
    /// - Returns: aggregates whose parked events may have become applicable.
    func apply(
        _ received: ArraySlice<ReceivedEvent>, _ steps: [TopicPartition: Inbox.Advance], poison: String?
    ) async throws -> Set<InboxKey> {
        let keys = Array(Set(received.map(\.key)))
        let elsewhere = elsewhere(received)
        var options = TransactionOptions.write
        options.isDurable = configuration.isDurable
        let (plan, events) = try await database.consume(options: options) { [self] tx in
            let rows = try await tx.events().pipeline(
                [inbox.work, inbox.advance(steps), inbox.states(of: keys), Inbox.departed(keys)]
                    + [elsewhere].compactMap { $0 })
            guard try rows[0].single().get(0) else { throw EventRest() }
            guard rows[1].affected == steps.count else { throw EventReset() }
            let states = Dictionary(uniqueKeysWithValues: zip(keys, try rows[2].map(Inbox.state)))
            // Those of other servers, and those of which nothing is left to change.
            let absent = Set(try rows[3...].joined().map { try $0.get(0, as: String.self) })
            let events = absent.isEmpty ? received : received.filter { !absent.contains($0.key.tenant) }[...]
            let plan = InboxPlan(events, states: states, poison: poison, acceptsMidway: acceptsMidway)
            try await dispatch(zip(events, plan.decisions).compactMap { $1 == .apply ? $0.event : nil }, tx)
            var statements = [inbox.store(plan.sequences)].compactMap { $0 }
            for (event, decision) in zip(events, plan.decisions) {
                if case .park(let state, let reason) = decision {
                    statements.append(inbox.park(event, state, reason: reason))
                }
            }
            _ = try await tx.events().commit(after: statements)
            return (plan, events)
        }
        note(plan, events)
        return plan.unblocked
    }

    var acceptsMidway: Bool { configuration.acceptsMidway || configuration.start != .earliest }

    /// Gives the handlers their events, tenant by tenant: in one order, so that two instances' transactions cannot lock each
    /// other out of what is one for a whole tenant.
    func dispatch(_ events: [CloudEvent], _ tx: ConsumerTransaction) async throws {
        let byTenant = Dictionary(grouping: events.filter { isWanted($0.type) }, by: \.tenant)
        for (id, theirs) in byTenant.sorted(by: { $0.key.text < $1.key.text }) {
            let tenant = try await database.directory.find(id)
            let tenantTransaction = tx.tenant(tenant)
            for handler in handlers {
                let own = theirs.filter { handler.types.contains($0.type) }
                if !own.isEmpty { try await handler.apply(own, in: tenantTransaction) }
            }
        }
    }

    private func note(_ plan: InboxPlan, _ events: ArraySlice<ReceivedEvent>) {
        commits.ring()
        progress.withLock { progress in
            progress.status.lastProgress = .now()
            for (event, decision) in zip(events, plan.decisions) {
                switch decision {
                case .apply: progress.status.applied += 1
                case .skip: progress.status.repeats += 1
                case .park: progress.status.parked += 1
                }
                progress.status.eventTime = max(progress.status.eventTime ?? event.stored.time, event.stored.time)
            }
        }
        for (event, decision) in zip(events, plan.decisions) {
            if let applied, decision == .apply, let event = event.event, isWanted(event.type) { applied(event) }
            guard case .park(let state, let reason) = decision, state != .waiting else { continue }
            say(
                .error,
                "Parked \(event.event?.type ?? "record") at \(event.stored.source):\(event.stored.offset): \(reason)",
                about: event.event)
        }
    }

    func say(_ severity: EventLogNotice.Severity, _ text: String, about event: CloudEvent? = nil) {
        report(EventLogNotice(severity, "consumer \(configuration.group)", text, about: event))
    }
}
