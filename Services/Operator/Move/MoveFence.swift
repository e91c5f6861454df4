import EventLog
import Postgres
import ServiceKit
import Tenancy
import Values

/// The moment in which a tenant's data in one service go from one server to another.
///
/// Two transactions, one on each server. Here nobody can write to the tenant, and no consumer works; there no consumer
/// works either. What the relay has not published yet is waited for, so that no event of the tenant comes after one of
/// the other server; what was written last is carried over. Then the tenant is closed here (commit), and opened there
/// (commit). In between it is nowhere, and all that it is made of is here: whoever finds it so opens it there.
struct MoveFence: Sendable {
    let move: ServiceMove

    /// Longer than this nobody shall wait: all is let go, and tried again.
    static let longest = Duration.milliseconds(800)
    /// How long consumers there rest before anybody waits, so that those here get as far.
    private static let catchUp = Duration.milliseconds(1_000)

    /// The fence did not come about in time; nothing has changed.
    struct Busy: Error {
        let reason: String
    }

    var id: TenantID { move.id }

    // MARK: - Consumers

    /// The consumers of a server.
    static func groups(of place: TenantDatabase, on transaction: PostgresTransaction) async throws -> [String] {
        let suffix = place.isHome ? "" : place.server
        return try await transaction.query(
            """
            select distinct consumer from shared.inbox_offset where split_part(consumer, '@', 2) = \(suffix) order by 1
            """
        ).map { try $0.get(0) }
    }

    static func renamed(_ group: String, on place: TenantDatabase) -> String {
        let name = group.split(separator: "@")[0]
        return place.isHome ? String(name) : "\(name)@\(place.server)"
    }

    func rest(_ groups: [String], _ transaction: PostgresTransaction) async throws {
        _ = try await transaction.pipeline(
            groups.map { "select pg_advisory_xact_lock(\(EventConsumer.restLock(of: $0)))" })
    }

    struct Place: Hashable {
        let group: String
        let topic: String
        let partition: Int32
    }

    private func offsets(_ groups: [String], _ transaction: PostgresTransaction) async throws -> [Place: Int64] {
        let rows = try await transaction.query(
            """
            select consumer, topic, partition, next_offset from shared.inbox_offset where consumer = any(\(groups))
            """)
        return try rows.reduce(into: [:]) { offsets, row in
            let place = Place(
                group: Self.renamed(try row.get(0), on: move.target), topic: try row.get(1), partition: try row.get(2))
            offsets[place] = try row.get(3)
        }
    }

    /// Waits until consumers here have done what those there have passed, who rest. If they do not get so far, those
    /// there go back, which is as right and takes longer.
    private func wait(for there: [Place: Int64], _ groups: [String]) async throws {
        let deadline = ContinuousClock.now + Self.catchUp
        while .now < deadline {
            let here = try await move.source.database.withTransaction(options: ServiceMove.options()) { [self] in
                try await offsets(groups, $0)
            }
            if there.allSatisfy({ $0.value <= here[$0.key] ?? 0 }) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    // MARK: - The fence

    /// Moves the tenant; since when nobody could write to it.
    ///
    /// - Throws: ``Busy`` when it could not be done quickly; then nothing has changed.
    func run() async throws -> ContinuousClock.Instant {
        do {
            let options = ServiceMove.options(lockTimeout: ServiceMove.patience)
            return try await move.target.database.withTransaction(options: options) { [self] there in
                let own = try await Self.groups(of: move.target, on: there)
                try await rest(own, there)
                return try await move.source.database.withTransaction(options: options) { here in
                    let groups = try await Self.groups(of: move.source, on: here)
                    try await wait(for: try await offsets(own, there), groups)
                    try await waitForRelay(here)
                    _ = try await here.query(ServiceMove.quickly)
                    try await rest(groups, here)
                    return try await pass(from: here, to: there, groups)
                }
            }
        } catch let error as PostgresError where error.isTransient || error.sqlState == SQLState.lockNotAvailable {
            throw Busy(reason: "\(error)")
        }
    }

    private func pass(
        from here: PostgresTransaction, to there: PostgresTransaction, _ groups: [String]
    ) async throws -> ContinuousClock.Instant {
        let began = ContinuousClock.now
        let tables = try await MovedRelation.all(of: id, to: move.target, on: here).filter { !$0.isShared }
        let list = tables.map(\.table).joined(separator: ", ")
        try await here.query(SQL(raw: "lock table \(list) in share mode").unprepared())
        guard try await move.service.provisioner.isCurrent(id, on: here) else {
            throw CommandFailure("the tenant was migrated meanwhile: run it again")
        }
        // All events of the tenant, which get no more.
        try await publish(OutboxMove.isWaiting(id), here, until: began + Self.longest)
        _ = try await move.carry(from: here, to: there)
        try await close(here, groups)
        try await open(from: here, on: there)
        guard began.duration(to: .now) < Self.longest else { throw Busy(reason: "it took too long") }
        return began
    }

    /// Waits until the relay has published what the tenant has written by now, before anybody waits for it.
    private func waitForRelay(_ here: PostgresTransaction) async throws {
        let snapshot: String = try await here.query("select pg_current_snapshot()::text").single().get(0)
        try await publish(OutboxMove.isWaiting(id, of: snapshot), here, until: .now + Self.catchUp)
    }

    private func publish(
        _ isWaiting: SQL, _ here: PostgresTransaction, until deadline: ContinuousClock.Instant
    ) async throws {
        try await here.query("set local enable_seqscan = off")
        while try await here.query(isWaiting).single().get(0, as: Bool.self) {
            guard .now < deadline else {
                throw Busy(reason: "events of the tenant wait to be published: see guanxi status")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func close(_ here: PostgresTransaction, _ groups: [String]) async throws {
        let provisioner = try move.service.provisioner.on(move.source.server)
        var login: Int?
        if move.source.isHome {
            let there = try move.service.provisioner.on(move.target.server)
            login = try await move.target.database.withTransaction(options: ServiceMove.options()) { [id] in
                try await there.loginNumber(of: id, on: $0)
            }
        }
        _ = try await here.pipeline([
            provisioner.closing(id),
            """
            update shared.moves set state = 'fenced', offsets = coalesce((
                select jsonb_agg(jsonb_build_object('consumer', consumer, 'topic', topic, 'partition', partition,
                    'next', next_offset))
                from shared.inbox_offset where consumer = any(\(groups))), '[]')
            where tenant = \(id.text)
            """,
            """
            update shared.tenants set server = \(move.target.place), login = coalesce(\(login.map { Int32($0) }), login)
            where id = \(id.text)
            """,
        ])
    }
}
