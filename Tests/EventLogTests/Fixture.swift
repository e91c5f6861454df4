import EventLog
import Foundation
import JSON
import Kafka
import Postgres
import Runtime
import Synchronization
import Tenancy
import TestKit
import Testing
import Values

/// Both logs, for the tests that hold for either.
enum LogKind: String, CaseIterable, Sendable {
    case kafka, postgres

    /// Those that can run here; `TestKafka.home` says loudly when Kafka cannot.
    static var available: [LogKind] { allCases.filter { $0 != .kafka || TestKafka.isAvailable } }
}

/// A service's database with one tenant, and a log.
struct Fixture: Sendable {
    let group: EventLoopGroup
    let tenants: TenantDatabase
    let tenant: Tenant
    let log: any EventLog
    let topic: String

    static let effects = Migration(
        number: 1, name: "effect",
        text: """
            create table {{schema}}.effect (
                id bigint generated always as identity, type text, aggregate text, sequence bigint);
            """)

    static func with(
        _ kind: LogKind = .postgres, _ body: @escaping @Sendable (Fixture) async throws -> Void
    ) async throws {
        let server = try await TestPostgres.shared()
        let names = (service: server.freshName(), log: server.freshName())
        let group = EventLoopGroup(count: 1, name: "eventlog")
        let bootstrap = Bootstrap(superuser: server.superuser, loginPassword: nil, group: group)
        let sets = [try EventLogSchema.service(), try MigrationSet(name: "test", tenant: [effects])]
        try await bootstrap.prepare(database: names.service, sets: sets)
        let database = PostgresDatabase(
            group: group, configuration: server.superuser.with(database: names.service, login: "none"))
        let tenants = TenantDatabase(database: database)
        let tenant = try await TenantProvisioner(tenants, sets: sets).provision(
            TenantDescription(slug: "one", name: "One"))
        var logDatabase: PostgresDatabase?
        let log: any EventLog
        switch kind {
        case .postgres:
            try await bootstrap.prepare(database: names.log, sets: [try EventLogSchema.log()])
            let made = PostgresDatabase(
                group: group, configuration: server.superuser.with(database: names.log, login: "none"))
            log = PostgresEventLog(database: made, role: TenantDatabase(database: made).serviceRole)
            logDatabase = made
        case .kafka:
            log = KafkaEventLog(
                KafkaConfiguration(bootstrapServers: try await TestKafka.bootstrapServers()), group: group)
        }
        let fixture = Fixture(
            group: group, tenants: tenants, tenant: tenant, log: log, topic: "guanxi.test-\(UUID().uuidString)")
        let outcome: Result<Void, any Error>
        do {
            try await fixture.log.createTopics([fixture.topic], partitions: 4)
            outcome = .success(try await body(fixture))
        } catch {
            outcome = .failure(error)
        }
        await log.close()
        await database.close()
        await logDatabase?.close()
        await group.shutdown()
        for name in [names.service, names.log] {
            try await server.administer(SQL(raw: "drop database if exists \(name) with (force)"))
        }
        try outcome.get()
    }

    func event(_ aggregate: String, _ sequence: Int64, type: String = "lead.created", data: JSON = ["n": 1])
        -> CloudEvent
    {
        CloudEvent(
            id: UUIDv7.make(), source: "/test", type: type, aggregateType: "lead", aggregateID: aggregate,
            time: .now().wholeMilliseconds, tenant: tenant.id, sequence: sequence, data: data)
    }

    /// Inserts events as the tenant and commits.
    func write(_ events: [CloudEvent]) async throws {
        _ = try await tenants.flight(tenant.id, [Outbox.insert(events)])
    }

    func relay(_ log: (any EventLog)? = nil) -> OutboxRelay {
        OutboxRelay(database: tenants, log: log ?? self.log, topic: topic)
    }

    func consumer(_ handler: Recorder, group: String = "test") -> EventConsumer {
        EventConsumer(.init(group: group, topics: [topic]), log: log, database: tenants, handlers: [handler])
    }

    /// Sequences whose effect is stored, per aggregate, in the order they were applied.
    func effects() async throws -> [String: [Int64]] {
        let rows = try await tenants.query(
            tenant.id, "select aggregate, sequence from \(tenant.schema).effect order by id")
        return try rows.reduce(into: [:]) { $0[try $1.get(0), default: []].append(try $1.get(1)) }
    }

    /// Everything in the topic, read by a group of its own until `count` records came.
    func records(_ count: Int) async throws -> [StoredRecord] {
        try await records { $0.count >= count }
    }

    /// Everything in the topic, read by a group of its own until it is `enough`.
    func records(until enough: @Sendable ([StoredRecord]) throws -> Bool) async throws -> [StoredRecord] {
        let collector = Collector()
        let read = { @Sendable in
            try await log.consume(group: UUID().uuidString, topics: [topic], batch: 100, subscriber: collector)
        }
        try await running(read) { try await eventually { try enough(collector.records) } }
        return collector.records
    }
}

/// Runs `work` beside `body` and cancels it afterwards.
func running(
    _ work: @escaping @Sendable () async throws -> Void, _ body: () async throws -> Void
) async throws {
    let task = Task { try? await work() }
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
    task.cancel()
    await task.value
    try outcome.get()
}

/// Stores what it is given; refuses events that say so until it is healed.
final class Recorder: EventHandler {
    struct Refused: Error {}
    let types: Set<String> = ["lead.created", "lead.changed"]
    let isHealed = Mutex(false)
    let calls = Mutex(0)

    func apply(_ events: [CloudEvent], in tx: TenantTransaction) async throws {
        calls.withLock { $0 += 1 }
        for event in events {
            try await tx.query(
                """
                insert into \(tx.schema).effect (type, aggregate, sequence)
                values (\(event.type), \(event.aggregateID), \(event.sequence))
                """)
            if event.data?["poison"] == true, !isHealed.withLock({ $0 }) { throw Refused() }
        }
    }
}

/// A subscriber without a database.
final class Collector: EventSubscriber {
    struct State: Sendable {
        var records: [StoredRecord] = []
        var partitions: Set<TopicPartition> = []
    }

    let state = Mutex(State())
    let from: @Sendable (TopicPartition) -> EventPosition
    var records: [StoredRecord] { state.withLock { $0.records } }
    var partitions: Set<TopicPartition> { state.withLock { $0.partitions } }

    init(from: @escaping @Sendable (TopicPartition) -> EventPosition = { _ in .earliest }) { self.from = from }

    func assigned(_ partitions: Set<TopicPartition>) async throws -> [TopicPartition: EventPosition] {
        state.withLock { $0.partitions = partitions }
        return Dictionary(uniqueKeysWithValues: partitions.map { ($0, from($0)) })
    }

    func revoked(_ partitions: Set<TopicPartition>) async {
        state.withLock { $0.partitions.subtract(partitions) }
    }

    func receive(_ batch: [StoredRecord]) async throws { state.withLock { $0.records += batch } }
}

/// A log that only the relay's side of is of interest.
protocol AppendOnlyLog: EventLog {}

extension AppendOnlyLog {
    var appendPace: Duration { .milliseconds(1) }
    func createTopics(_ topics: [String], partitions: Int) async throws {}
    func consume(group: String, topics: [String], batch: Int, subscriber: any EventSubscriber) async throws {}
    func offsets(of topic: String, at time: Timestamp) async throws -> [Int: Int64] { [:] }
    func bounds(of topic: String) async throws -> [Int: Range<Int64>] { [:] }
    func isReachable() async -> Bool { true }
    func close() async {}
}
