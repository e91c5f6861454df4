import Postgres
import Runtime
import Synchronization
import Tenancy
import Values

/// What a consumer has done, for metrics and health.
public struct ConsumerStatus: Sendable, Hashable {
    /// Events applied (or only counted, where no handler wants them) since the start.
    public var applied = 0
    /// Events that came again and were skipped.
    public var repeats = 0
    /// Events put into the dead letters.
    public var parked = 0
    /// Events that the log no longer held when their turn came.
    public var missed: Int64 = 0
    /// Events in the log this group has not done; `nil` until first looked at.
    public var lag: Int64?
    /// When the newest event done was taken by the log.
    public var eventTime: Timestamp?
    public var lastProgress: Timestamp?
    /// Nothing moves although events wait.
    public var isStalled = false
}

struct ConsumerProgress: Sendable {
    var status = ConsumerStatus()
    /// Held back by ``EventConsumer/whileAllRest(_:)`` of some instance.
    var isResting = false
    /// Tenants that were waited for in vain. Their events are parked at once from then on: one that was deleted must
    /// not hold up the others with each event it left behind.
    var absent: Set<TenantID> = []
}

/// For how long something has been where it is.
private struct Standstill {
    private var place: Int64?
    private var since = ContinuousClock.now

    mutating func lasts(_ limit: Duration, at place: Int64, unless isFine: Bool) -> Bool {
        if place != self.place || isFine { (self.place, since) = (place, .now) }
        return since.duration(to: .now) > limit
    }
}

struct ConsumerStalled: Error, CustomStringConvertible {
    let description: String
}

extension EventConsumer {
    public var status: ConsumerStatus { progress.withLock { $0.status } }

    /// Looks after lag and progress; throws when the consumption has to begin anew.
    ///
    /// What waits in its own partitions says that a member stands still: what another one has not done yet is not brought on
    /// by this one's leaving the group, unless nobody gets on and it has none to do.
    func watch(_ consumption: EventConsumption) async throws {
        var (own, group) = (Standstill(), Standstill())
        while true {
            try await Task.sleep(for: .seconds(5))
            guard let ends = try? await ends(), let missing = try? await missing(from: ends) else {
                progress.withLock { $0.status.lag = nil }
                continue
            }
            let mine = consumption.partitions
            let lag = missing.values.reduce(0, +)
            let ownLag = missing.filter { mine.contains($0.key) }.values.reduce(0, +)
            // How far the group is, in all partitions together.
            let place = ends.values.reduce(0) { $0 + $1.upperBound } - lag
            let (done, isResting) = progress.withLock { progress in
                progress.status.lag = lag
                let status = progress.status
                return (Int64(status.applied + status.repeats + status.parked), progress.isResting)
            }
            let limit = configuration.stallLimit
            let standsStill = own.lasts(limit, at: done, unless: ownLag == 0 || isResting)
            let allStand = group.lasts(limit, at: place, unless: lag == 0 || isResting)
            progress.withLock { $0.status.isStalled = standsStill || allStand }
            if standsStill || (allStand && mine.isEmpty) {
                throw ConsumerStalled(description: "no progress for \(limit) with \(lag) events waiting")
            }
        }
    }

    /// Events in the log that this group has not done, over all members.
    public func lag() async throws -> Int64 { try await missing().values.reduce(0, +) }

    private func missing() async throws -> [TopicPartition: Int64] { try await missing(from: try await ends()) }

    /// Returns true when everything that is in the log now has been done, false when the time ran out first.
    public func waitUntilCaughtUp(within limit: Duration) async throws -> Bool {
        let ends = try await ends()
        return try await poll(limit) { try await self.missing(from: ends).allSatisfy { $0.value == 0 } }
    }

    /// Returns true when the projection has done an aggregate's event of that sequence or a later one, false when the
    /// time ran out first. Works for events applied by any instance.
    ///
    /// - Parameter aggregates: kind and id, "lead/<id>" (``CloudEvent/subject``); any of them will do.
    public func waitUntilApplied(
        tenant: TenantID, aggregates: [String], sequence: Int64, within limit: Duration
    ) async throws -> Bool {
        // One that moves meanwhile is looked for where it is then.
        let first = try await serving(database.directory.find(tenant))
        return try await first.poll(limit) {
            let place = try await self.serving(self.database.directory.find(tenant))
            let rows = try await place.database.consume { tx in
                try await tx.events().query(place.inbox.hasDone(sequence, tenant: tenant.text, aggregates))
            }
            return try rows.single().get(0)
        }
    }

    /// Looks after each commit of this instance, and from time to time for those of the others.
    private func poll(_ limit: Duration, _ isDone: () async throws -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        var delay = Duration.milliseconds(10)
        while true {
            let rings = commits.rings
            if try await isDone() { return true }
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return false }
            await commits.wait(after: rings, upTo: min(delay, left), on: database.database.group.here)
            try Task.checkCancellation()
            delay = min(delay * 2, .milliseconds(40))
        }
    }

    private func ends() async throws -> [TopicPartition: Range<Int64>] {
        var ends: [TopicPartition: Range<Int64>] = [:]
        for topic in configuration.topics {
            for (partition, range) in try await log.bounds(of: topic) { ends[TopicPartition(topic, partition)] = range }
        }
        return ends
    }

    private func missing(from ends: [TopicPartition: Range<Int64>]) async throws -> [TopicPartition: Int64] {
        let rows = try await database.consume { [self] tx in
            try await tx.events().query(inbox.offsets(configuration.topics))
        }
        var next: [TopicPartition: Int64] = [:]
        for row in rows {
            next[TopicPartition(try row.get(0), Int(try row.get(1, as: Int32.self)))] = try row.get(2)
        }
        return ends.reduce(into: [:]) { missing, end in
            missing[end.key] = max(0, end.value.upperBound - max(end.value.lowerBound, next[end.key] ?? 0))
        }
    }
}
