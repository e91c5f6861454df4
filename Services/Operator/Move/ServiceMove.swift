import EventLog
import Foundation
import Postgres
import ServiceKit
import Tenancy
import Values

/// One service's data of a tenant on their way from one server to another.
///
/// Rows are copied from a snapshot while they are written to; triggers note what is written since, and rounds carry
/// that over until little is left. Then a fence, see ``MoveFence``.
struct ServiceMove: Sendable {
    let service: BackupDatabases.Service
    let tenant: Tenant
    let source: TenantDatabase
    let target: TenantDatabase

    var id: TenantID { tenant.id }

    /// What others hold is waited for this long at most: whoever comes later waits behind us.
    static let patience = Duration.milliseconds(300)
    private static let attempts = 30
    /// Consumers of services that were started just now join their group within this.
    private static let joining = Duration.seconds(30)
    /// A round of so few rows, or one so short, may be done within the fence.
    private static let few = 200
    private static let short = Duration.milliseconds(200)

    static func options(lockTimeout: Duration? = nil, snapshot: Bool = false) -> TransactionOptions {
        var options = TransactionOptions(
            isolation: snapshot ? .repeatableRead : .readCommitted, statementTimeout: .zero, lockTimeout: lockTimeout)
        options.attempts = 1
        return options
    }

    /// Tries again while others are in the way, who go first.
    static func patiently<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        for _ in 1..<attempts {
            do { return try await body() } catch let error as PostgresError
                where error.isTransient || error.sqlState == SQLState.lockNotAvailable
            { try await Task.sleep(for: .milliseconds(200)) }
        }
        return try await body()
    }

    /// What is done to the source so that a vacuum or a writer who holds what we want does not hold us up.
    static let quickly: SQL = "set local deadlock_timeout = '20ms'"

    // MARK: - Beginning

    /// Makes the tenant's schema there, and notes from now on what is written here.
    func begin() async throws {
        try await requireReadiness()
        try await service.provisioner.on(target.server).stage(tenant, from: source)
        try await Self.patiently {
            try await source.database.withTransaction(options: Self.options(lockTimeout: Self.patience)) {
                [self] here in
                let relations = try await MovedRelation.all(of: id, to: target, on: here)
                if let keyless = relations.first(where: { $0.key.isEmpty }) {
                    throw CommandFailure("\(keyless.table) of \(service.name) has no primary key: add one, then move")
                }
                _ = try await here.pipeline(
                    [
                        Self.quickly,
                        "insert into shared.moves (tenant, target) values (\(id.text), \(target.place))",
                    ] + relations.map(\.note))
            }
        }
    }

    private func requireReadiness() async throws {
        let groups = try await source.database.withTransaction(options: Self.options()) { [self] here in
            guard try await service.provisioner.isCurrent(id, on: here) else {
                throw CommandFailure(
                    "\(service.name) has the tenant in another version: run guanxi migrate first; migrations of your "
                        + "own are named with --extra")
            }
            return try await MoveFence.groups(of: source, on: here)
        }
        let deadline = ContinuousClock.now + Self.joining
        while let idle = try await idleConsumer(among: groups) {
            guard .now < deadline else {
                throw CommandFailure(
                    "the consumer \(idle) is not at work on \(target.place): start the services with "
                        + "GUANXI_DATABASE_SERVERS, which has to name it")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// A consumer here that has not begun there.
    private func idleConsumer(among groups: [String]) async throws -> String? {
        let known = try await target.database.query("select distinct consumer from shared.inbox_offset")
            .map { try $0.get(0, as: String.self) }
        return groups.first { !known.contains(MoveFence.renamed($0, on: target)) }
    }

    /// Leaves nothing of a move that did not come to its fence.
    func undo() async throws {
        let relations = try await source.database.withTransaction(options: Self.options()) { [self] here in
            let schema = "\(tenant.schema)"
            let isThere: Bool = try await here.query("select to_regnamespace(\(schema)) is not null").single().get(0)
            // Without it the tenant was removed meanwhile.
            guard isThere else { return [MovedRelation.progress(of: id, to: target)] }
            return try await MovedRelation.all(of: id, to: target, on: here)
        }
        try await stopNoting(relations)
        try await removeShared(from: target)
        try await service.provisioner.on(target.server).clear(id)
        try await forget()
    }

    func stopNoting(_ relations: [MovedRelation]) async throws {
        // One by one: who reads the table waits meanwhile.
        for relation in relations {
            try await Self.patiently {
                _ = try await source.database.flight(
                    [Self.quickly, relation.stopNoting], options: Self.options(lockTimeout: Self.patience))
            }
        }
    }

    /// Removes what is the tenant's of the tables that tenants share, on a server on which it does not live.
    func removeShared(from place: TenantDatabase) async throws {
        _ = try await place.database.flight(
            ["outbox", MovedRelation.progress, "dead_letter", "pending_work", "restored_tenants"].map {
                SQL(raw: "delete from shared.\($0) where tenant = \(SQL.literal(id.text))").unprepared()
            }, options: Self.options())
    }

    func forget() async throws {
        _ = try await source.database.flight([
            "delete from shared.moved_rows where tenant = \(id.text)",
            "delete from shared.moves where tenant = \(id.text)",
        ])
    }

    // MARK: - Copying

    /// Copies everything, and then what was written meanwhile until there is little of it; how many rows there are.
    func copy() async throws -> Int {
        let rows = try await source.database.withTransaction(options: Self.options(snapshot: true)) { [self] here in
            let relations = try await MovedRelation.all(of: id, to: target, on: here)
            return try await target.database.withTransaction(options: Self.options()) { there in
                try await there.query("set local session_replication_role = replica")
                var rows = 0
                for relation in relations {
                    try await there.query(relation.empty)
                    rows += try await RowPipe.copy(relation.rows, from: here, into: relation.receiving, on: there)
                }
                return rows
            }
        }
        try await target.database.withTransaction(options: Self.options()) { [self] there in
            for relation in try await MovedRelation.all(of: id, to: target, on: there) where !relation.isShared {
                try await there.query(SQL(raw: "analyze \(relation.table)").unprepared())
            }
        }
        try await catchUpUntilShort()
        // Everything is compared before the fence; within it only what changed since.
        _ = try await catchUp(comparing: true)
        try await catchUpUntilShort()
        return rows
    }

    /// Rounds get shorter: each carries over what was written during the one before.
    private func catchUpUntilShort() async throws {
        while true {
            let began = ContinuousClock.now
            let count = try await catchUp(comparing: false)
            if count <= Self.few || began.duration(to: .now) <= Self.short { return }
        }
    }

    /// Carries over what was written since the last time; how many rows.
    func catchUp(comparing: Bool) async throws -> Int {
        try await target.database.withTransaction(options: Self.options()) { [self] there in
            try await source.database.withTransaction(options: Self.options(snapshot: true)) { here in
                let count = try await carry(from: here, to: there)
                if comparing {
                    for relation in try await MovedRelation.all(of: id, to: target, on: here) {
                        try await compare(relation, relation.digest, here, relation.arrivedDigest, there)
                    }
                }
                // A snapshot: just what was carried. If this does not commit, it is carried again.
                try await here.query("delete from shared.moved_rows where tenant = \(id.text)")
                return count
            }
        }
    }

    /// Makes the rows that were written to what they are here now.
    func carry(from here: PostgresTransaction, to there: PostgresTransaction) async throws -> Int {
        // By their keys, whatever the planner thinks of tables that were filled a moment ago.
        let byKey: [SQL] = [
            "set local enable_hashjoin = off", "set local enable_mergejoin = off", "set local enable_seqscan = off",
        ]
        let written = try await here.pipeline(
            byKey + [
                """
                select relation, count(*) from shared.moved_rows where tenant = \(id.text) group by 1 order by 1
                """
            ])[byKey.count]
        guard !written.isEmpty else { return 0 }
        _ = try await there.pipeline(byKey + ["set local session_replication_role = replica", MovedRelation.keys])
        let relations = try await MovedRelation.all(of: id, to: target, on: here)
        var count = 0
        for row in written {
            let name: String = try row.get(0)
            guard let relation = relations.first(where: { $0.name == name }) else { continue }
            count += try row.get(1, as: Int.self)
            try await there.query(MovedRelation.forgetKeys)
            try await RowPipe.copy(relation.changedKeys, from: here, into: MovedRelation.receivingKeys, on: there)
            try await there.query(relation.removeChanged)
            try await RowPipe.copy(relation.changedRows, from: here, into: relation.receiving, on: there)
            try await compare(relation, relation.changedDigest, here, relation.arrivedChangedDigest, there)
        }
        _ = try await there.pipeline(["drop table pg_temp.moved_keys", "set local session_replication_role = origin"])
        return count
    }

    private func compare(
        _ relation: MovedRelation, _ digest: SQL, _ here: PostgresTransaction, _ arrived: SQL,
        _ there: PostgresTransaction
    ) async throws {
        let (wanted, found) = (try await here.query(digest).single(), try await there.query(arrived).single())
        guard try wanted.get(0, as: Int64.self) == found.get(0, as: Int64.self),
            try wanted.get(1, as: String.self) == found.get(1, as: String.self)
        else {
            throw CommandFailure(
                "\(relation.name) of \(service.name) is not on \(target.place) what it is on \(source.place): "
                    + "nothing was moved")
        }
    }
}
