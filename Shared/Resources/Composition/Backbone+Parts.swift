import Contracts
import EventLog
import Postgres
import Runtime
import ServiceKit
import Tenancy

/// What runs in every service, beside its own parts.
extension Backbone {
    var databasePart: Part {
        let (database, logDatabase, sets, logger) = (database, embedded?.database, sets, context.logger)
        return Part(
            "database",
            start: {
                for server in try await database.verify(sets: sets) {
                    logger.warning("the PostgreSQL server \(server) does not answer: its tenants wait for it")
                }
            },
            stop: { _ in
                await database.close()
                await logDatabase?.close()
            })
    }

    var directoryPart: Part {
        let directory = database.directory
        return Part("tenant directory", start: { try await directory.refresh() }, run: { try await directory.run() })
    }

    var rulesPart: Part {
        let versions = environment.ruleVersions
        return Part("rule versions", run: { try await versions.run() })
    }

    /// A log that is away when the service starts is waited for beside the work.
    var logPart: Part {
        let (log, logger) = (log, context.logger)
        let topics = Topic.allCases.map(\.name)
        return Part(
            "event log",
            start: {
                try await settleLog()
                do {
                    try await withDeadline(.after(Self.logPatience)) {
                        try await log.createTopics(topics, partitions: Topic.partitions)
                    }
                } catch { logger.warning("the event log is away, events wait in the outbox: \(error)") }
            },
            run: {
                while (try? await log.createTopics(topics, partitions: Topic.partitions)) == nil {
                    try await Task.sleep(for: .seconds(1))
                }
            }, stop: { _ in await log.close() })
    }

    /// Throws when the installation's events are in a log of another kind than this service was given.
    private func settleLog() async throws {
        var configuration = logConfiguration
        configuration.connectionsPerLoop = 1
        let database = PostgresDatabase(group: context.group, configuration: configuration)
        let outcome: Result<Void, any Error>
        do {
            let role = TenantDatabase(database: database).serviceRole
            outcome = .success(try await RememberedLog(database: database, role: role).settle(log.name))
        } catch let error as PostgresError where error.sqlState == SQLState.undefinedTable {
            outcome = .failure(
                TenancyError.notPrepared(
                    database: Self.logDatabaseName, reason: "migrations of the event log are missing"))
        } catch {
            outcome = .failure(error)
        }
        await database.close()
        try outcome.get()
    }

    /// What a start waits for the event log.
    private static let logPatience = Duration.seconds(5)

    func part(_ relay: OutboxRelay) -> Part {
        Part("outbox relay" + relay.place, run: { await relay.run() })
    }

    func part(_ consumer: EventConsumer) -> Part {
        Part("consumer \(consumer.configuration.group)", run: { try await consumer.run() })
    }

    var housekeeping: Part {
        let work = Housekeeping(
            database: database, log: embedded?.log, retention: context.settings.eventRetention, logger: context.logger)
        return Part("housekeeping", run: { try await work.run() })
    }
}
