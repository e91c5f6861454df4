import Contracts
import EventLog
import JSON
import Kafka
import Postgres
import Runtime
import ServiceKit
import Tenancy
import Values

/// `guanxi recover`: after the databases were set back to an earlier moment.
///
/// Kafka still has what was written after that moment, and consumers that are set back, too, would read it: events of
/// a past that is no more, whose numbers will be given again. So every consumer goes on from the end of each topic, and
/// each relay publishes all that its outbox has once more, which is what the consumers had not done at that moment and
/// more; what they had done they skip.
enum RecoverCommand {
    static let command = Command(
        "recover",
        summary: "Make databases that were set back in time and the event log agree. The services are stopped.",
        options: [
            Migrate.databaseURL, Migrate.databaseServers,
            // Not assumed: the wrong one would leave everything undone.
            .init(
                "event-log", value: "kind", environment: "GUANXI_EVENT_LOG", choices: ["kafka", "postgres"],
                isRequired: true, help: "Which log the services use."), TopicCommands.bootstrapServers,
        ],
        examples: [
            (
                command: "guanxi recover --event-log kafka --bootstrap-servers kafka:9092",
                meaning: "After PostgreSQL was restored to a point in time, before the services start."
            )
        ]
    ) { call in
        let servers = call["event-log"] == "kafka" ? try call.required("bootstrap-servers") : nil
        try await BackupCommands.withDatabases(call) { databases in
            try await requireRest(databases)
            guard let servers else {
                return call.answer(["consumers": [:]]) {
                    "the embedded event log was set back with the databases: nothing is to be done\n"
                }
            }
            let ends = try await ends(servers, databases.services[0].postgres.group)
            var moved = JSONObject()
            for service in databases.services {
                for place in service.database.everywhere {
                    for (consumer, partitions) in try await rejoin(place.database, ends) {
                        moved.append(consumer, .int(partitions))
                    }
                }
            }
            let missing = try await missing(databases)
            call.answer(["consumers": .object(moved), "missing": missing.json]) {
                moved.map { "\($0.name): goes on from the end of \($0.value.cell) partitions\n" }.joined()
                    + "what the outboxes have is published again when the services start\n"
            }
            guard missing.isEmpty else {
                for text in missing { call.console.note("\(text)\n") }
                throw CommandFailure(
                    "consumers and services agree but for \(missing.count) tenants: what is named there is in no outbox "
                        + "any more. Go back to another moment, or start the services and rebuild what lacks it "
                        + "(guanxi analytics rebuild makes its figures of the events it has)", code: .incomplete)
            }
        }
    }

    private static func requireRest(_ databases: BackupDatabases) async throws {
        for place in try databases["leads"].database.everywhere {
            let rows = try await place.database.query(
                "select count(*) from pg_stat_activity where application_name like 'guanxi-%'")
            guard try rows.single().get(0, as: Int64.self) == 0 else {
                throw CommandFailure("services are running: stop them all, then run it again")
            }
        }
    }

    private static func ends(_ servers: String, _ group: EventLoopGroup) async throws -> [TopicPartition: Int64] {
        let log = KafkaEventLog(
            KafkaConfiguration(bootstrapServers: servers, clientID: "guanxi", report: { _ in }), group: group)
        let outcome: Result<[TopicPartition: Int64], any Error>
        do {
            var ends: [TopicPartition: Int64] = [:]
            for topic in Topic.allCases {
                for (partition, range) in try await log.bounds(of: topic.name) {
                    ends[TopicPartition(topic.name, partition)] = range.upperBound
                }
            }
            outcome = .success(ends)
        } catch {
            outcome = .failure(CommandFailure("\(error). Check --bootstrap-servers (\(servers))", code: .unavailable))
        }
        await log.close()
        return try outcome.get()
    }

    /// Each consumer, and of how many partitions it leaves something out.
    private static func rejoin(
        _ database: PostgresDatabase, _ ends: [TopicPartition: Int64]
    ) async throws -> [(String, Int64)] {
        let ends = ends.sorted { $0.key < $1.key }
        let results = try await database.flight([
            """
            with moved as (
                update shared.inbox_offset o set next_offset = n.next
                from unnest(\(ends.map(\.key.topic)), \(ends.map { Int32($0.key.partition) }), \(ends.map(\.value)))
                    as n(topic, partition, next)
                where o.topic = n.topic and o.partition = n.partition and o.next_offset <> n.next
                returning consumer)
            select consumer, count(*) from moved group by 1 order by 1
            """,
            // A relay without a cursor begins with all that is there.
            "delete from shared.relay_cursor",
        ])
        return try results[0].map { (try $0.get(0), try $0.get(1)) }
    }

    /// What consumers cannot get any more: they were farther behind than the outbox reaches.
    private static func missing(_ databases: BackupDatabases) async throws -> [String] {
        let directory = try databases["gateway"].database.directory
        try await directory.refresh()
        var missing: [String] = []
        for tenant in directory.all {
            do {
                let services = try await databases.serving(tenant.id)
                try await TenantCut(services: services, tenant: tenant.id).look { snapshots in
                    try await DeliveryCheck(snapshots: snapshots, tenant: tenant.id).run()
                }
            } catch let gap as DeliveryGap {
                missing.append("\(tenant.slug): \(gap)")
            } catch TenancyError.unknown {
                missing.append("\(tenant.slug): half made at that moment; guanxi tenant delete removes it")
            }
        }
        return missing
    }
}
