import Postgres
import Synchronization
import Tenancy
import Values

/// What an ``EventConsumer`` does with what the log gives it, while it is a member of its group.
final class EventConsumption: EventSubscriber {
    private let consumer: EventConsumer
    /// The next offset of each assigned partition, as the database has it.
    private let stored = Mutex<[TopicPartition: Int64]>([:])

    init(_ consumer: EventConsumer) { self.consumer = consumer }

    /// Those assigned to this member.
    var partitions: Set<TopicPartition> { stored.withLock { Set($0.keys) } }

    // MARK: - Assignment

    func assigned(_ partitions: Set<TopicPartition>) async throws -> [TopicPartition: EventPosition] {
        let topics = Set(partitions.map(\.topic)).sorted()
        var bounds: [TopicPartition: Range<Int64>] = [:]
        for topic in topics {
            for (partition, range) in try await consumer.log.bounds(of: topic) {
                bounds[TopicPartition(topic, partition)] = range
            }
        }
        let offsets = try await offsets(of: partitions, topics, bounds)
        stored.withLock { $0 = offsets }
        return offsets.reduce(into: [:]) { positions, entry in
            let (partition, next) = entry
            let range = bounds[partition] ?? 0..<Int64.max
            let isLost = next < range.lowerBound || next > range.upperBound
            if isLost {
                consumer.say(
                    .error, "\(partition) no longer holds offset \(next), only \(range); reading what there is.")
            }
            positions[partition] = isLost ? .earliest : .offset(next)
        }
    }

    private func offsets(
        of partitions: Set<TopicPartition>, _ topics: [String], _ bounds: [TopicPartition: Range<Int64>]
    ) async throws -> [TopicPartition: Int64] {
        let inbox = consumer.inbox
        let beginnings = partitions.reduce(into: [TopicPartition: Int64]()) { beginnings, partition in
            let range = bounds[partition] ?? 0..<0
            switch consumer.configuration.start {
            case .earliest: beginnings[partition] = range.lowerBound
            case .latest: beginnings[partition] = range.upperBound
            case .offset(let offset): beginnings[partition] = offset
            }
        }
        let rows = try await consumer.database.consume { tx in
            try await tx.events().pipeline([inbox.begin(beginnings), inbox.offsets(topics)])[1]
        }
        var offsets: [TopicPartition: Int64] = [:]
        for row in rows {
            let partition = TopicPartition(try row.get(0), Int(try row.get(1, as: Int32.self)))
            if partitions.contains(partition) { offsets[partition] = try row.get(2) }
        }
        return offsets
    }

    func revoked(_ partitions: Set<TopicPartition>) async {
        stored.withLock { stored in
            for partition in partitions { stored[partition] = nil }
        }
    }

    // MARK: - Batches

    func receive(_ batch: [StoredRecord]) async throws {
        let began = ContinuousClock.now
        let events = batch.map { ReceivedEvent($0, form: consumer.form(of:)) }
        let unblocked = try await process(events[...])
        for key in unblocked { try await consumer.drain(key) }
        // A full batch means that there is more: no time to lose then.
        let rest = consumer.configuration.pace.shared(by: batch.count) - began.duration(to: .now)
        if rest > .zero, batch.count < consumer.configuration.batch { try await Task.sleep(for: rest) }
    }

    /// Applies events; halves them to find the one that cannot be applied.
    private func process(_ events: ArraySlice<ReceivedEvent>) async throws -> Set<InboxKey> {
        do {
            return try await persist(events, poison: nil)
        } catch let error as PoisonError {
            guard events.count > 1 else { return try await persist(events, poison: error.reason) }
            let middle = events.startIndex + events.count / 2
            return try await process(events[..<middle]).union(try await process(events[middle...]))
        }
    }

    /// One transaction, again and again while what fails may pass.
    private func persist(_ events: ArraySlice<ReceivedEvent>, poison: String?) async throws -> Set<InboxKey> {
        let steps = try steps(events)
        var trial = Trial(patience: consumer.configuration.patience)
        while true {
            do {
                let unblocked = try await consumer.apply(events, steps, poison: poison)
                stored.withLock { stored in
                    for (partition, step) in steps { stored[partition] = step.next }
                }
                consumer.progress.withLock { $0.isResting = false }
                tellOfMissed(steps)
                return unblocked
            } catch is EventRest {
                consumer.progress.withLock { $0.isResting = true }
                try await Task.sleep(for: .milliseconds(50))
            } catch {
                let delay = try delay(after: error, &trial)
                consumer.say(.warning, "Tries again in \(delay): \(error)")
                try await Task.sleep(for: delay)
            }
        }
    }

    private func delay(after error: any Error, _ trial: inout Trial) throws -> Duration {
        guard case TenancyError.unknown(let tenant) = error else { return try trial.failed(error) }
        // One that was deleted meanwhile is passed by at the next try.
        if consumer.database.directory.hasDeparted(tenant) { return .zero }
        // One that did not come does not come for the next event either.
        if consumer.progress.withLock({ $0.absent.contains(tenant) }) { throw PoisonError(reason: "\(error)") }
        do { return try trial.failed(error) } catch let error as PoisonError {
            _ = consumer.progress.withLock { $0.absent.insert(tenant) }
            throw error
        }
    }

    private func steps(_ events: ArraySlice<ReceivedEvent>) throws -> [TopicPartition: Inbox.Advance] {
        try stored.withLock { stored in
            var steps: [TopicPartition: Inbox.Advance] = [:]
            for event in events {
                guard let expected = stored[event.stored.source] else { throw EventReset() }
                let first = steps[event.stored.source]
                steps[event.stored.source] = Inbox.Advance(
                    expected: expected, next: event.stored.offset + 1, time: event.stored.time,
                    missed: first?.missed ?? max(0, event.stored.offset - expected))
            }
            return steps
        }
    }

    /// What the log forgot before this group read it is passed by, but never in silence.
    private func tellOfMissed(_ steps: [TopicPartition: Inbox.Advance]) {
        for (partition, step) in steps where step.missed > 0 {
            consumer.progress.withLock { $0.status.missed += step.missed }
            consumer.say(
                .error,
                "The log no longer held \(step.missed) events of \(partition) from offset \(step.expected): they are not "
                    + "applied, and later events of their aggregates are parked.")
        }
    }
}

/// Every instance of the group was asked to rest.
struct EventRest: Error {}

/// An event that will not get better by trying again.
struct PoisonError: Error {
    let reason: String
}

/// Decides after each failure whether to try again.
struct Trial {
    private let deadline: ContinuousClock.Instant
    private var attempts = 0
    private var delay = Duration.milliseconds(50)

    init(patience: Duration) { deadline = .now + patience }

    /// How long to wait before the next attempt; throws when there shall be none.
    mutating func failed(_ error: any Error) throws -> Duration {
        if error is EventReset { throw error }
        try Task.checkCancellation()
        attempts += 1
        switch Self.kind(of: error) {
        case .outage: break
        // A statement that was stopped took longer than the patience each time.
        case .passing where ContinuousClock.now < deadline || attempts < Self.leastAttempts: break
        default: throw PoisonError(reason: "\(error)")
        }
        delay = min(delay * 2, .seconds(5))
        return delay
    }

    private static let leastAttempts = 3

    private enum Kind { case outage, passing, lasting }

    private static func kind(of error: any Error) -> Kind {
        switch error {
        case let error as PostgresError where error.isOutage: .outage
        case let error as PostgresError where error.mayPass: .passing
        case TenancyError.unknown, TenancyError.moving: .passing
        case is CancellationError: .passing
        default: .lasting
        }
    }
}

extension PostgresError {
    /// Ends some time, and is no fault of an event: also that somebody (a migration) holds a lock.
    var isOutage: Bool { isUnavailable || sqlState == SQLState.lockNotAvailable }

    /// Tried again, the same event may be applied.
    var mayPass: Bool { isTransient || sqlState == SQLState.queryCanceled }
}
