import Runtime

/// The quick reads of one loop's tasks, sent together: a round trip, a transaction and a role for many.
///
/// Alone a read goes at the end of the loop's turn. While flights are under way the next one gathers, so that they grow
/// with the load. What fails together is tried again read by read: nobody suffers from another's mistake.
final class Lookups: @unchecked Sendable {
    // @unchecked: everything mutable, that of `Read` and `Lane` too, is touched on the pool's loop only; each entry
    // checks that.

    private final class Read: @unchecked Sendable {
        let sql: SQL
        var continuation: CheckedContinuation<Rows, any Error>?

        init(_ sql: SQL) { self.sql = sql }

        func end(_ result: Result<Rows, any Error>) {
            let continuation = continuation
            self.continuation = nil
            continuation?.resume(with: result)
        }
    }

    /// The reads of one role.
    private final class Lane: @unchecked Sendable {
        var gathered: [Read] = []
        var flights = 0
        /// A flight waits for its connection, and takes all who come until then.
        var isDeparting = false
    }

    private unowned let pool: PostgresPool
    private var lanes: [DatabaseRole?: Lane] = [:]

    /// Of one role at a time: while one comes back the next goes out. With more they would only be smaller.
    private static let flights = 2
    private static let readsOfFlight = 64

    init(pool: PostgresPool) { self.pool = pool }

    func look(_ sql: SQL, _ role: DatabaseRole?) async throws -> Rows {
        pool.loop.preconditionOnLoop()
        try Task.checkCancellation()
        let read = Read(sql)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                read.continuation = continuation
                let lane = lanes[role] ?? Lane()
                lanes[role] = lane
                lane.gathered.append(read)
                depart(lane, role)
            }
        } onCancel: {
            // The server goes on with it: others fly along.
            pool.loop.execute { read.end(.failure(CancellationError())) }
        }
    }

    private func depart(_ lane: Lane, _ role: DatabaseRole?) {
        guard !lane.gathered.isEmpty, !lane.isDeparting, lane.flights < Self.flights else { return }
        lane.isDeparting = true
        // Takes its turn after the tasks that are ready now: they may have something to look up too.
        Task(executorPreference: pool.loop) { [pool] in
            await pool.lookups.fly(lane, role)
            pool.lookups.forget(lane, role)
        }
    }

    private func forget(_ lane: Lane, _ role: DatabaseRole?) {
        guard lanes[role] === lane, lane.gathered.isEmpty, lane.flights == 0, !lane.isDeparting else { return }
        lanes[role] = nil
    }

    private func fly(_ lane: Lane, _ role: DatabaseRole?) async {
        var reads: [Read] = []
        do {
            try await pool.withConnection(role) { connection in
                reads = take(lane)
                lane.flights += 1
                defer {
                    lane.flights -= 1
                    depart(lane, role)
                }
                depart(lane, role)
                let results = try await connection.read(reads.map(\.sql), role)
                for (read, rows) in zip(reads, results) { read.end(.success(rows)) }
            }
        } catch {
            if lane.isDeparting, reads.isEmpty {
                reads = take(lane)
                // Those beyond a flight try their own luck.
                depart(lane, role)
            }
            await fail(reads, error, role)
        }
    }

    /// Those who still wait, at most as many as fit into a flight.
    private func take(_ lane: Lane) -> [Read] {
        lane.isDeparting = false
        let reads = lane.gathered.prefix(Self.readsOfFlight)
        lane.gathered.removeFirst(reads.count)
        return reads.filter { $0.continuation != nil }
    }

    private func fail(_ reads: [Read], _ error: any Error, _ role: DatabaseRole?) async {
        let isShared = (error as? PostgresError)?.isUnavailable ?? true
        guard reads.count > 1, !isShared else {
            for read in reads { read.end(.failure(error)) }
            return
        }
        for read in reads where read.continuation != nil {
            do {
                let rows = try await pool.withConnection(role) { try await $0.read([read.sql], role) }
                read.end(.success(rows[0]))
            } catch {
                read.end(.failure(error))
            }
        }
    }
}

extension PostgresConnection {
    fileprivate func read(_ statements: [SQL], _ role: DatabaseRole?) async throws -> [Rows] {
        guard !statements.isEmpty else { return [] }
        return try await run(
            Load(
                opening: TransactionOptions.read.opening(role: role), body: statements, closing: ["commit"],
                role: role?.name))
    }
}
