import Analytics
import EventLog
import Postgres
import Resources
import ServiceKit
import Tenancy

/// Which kind of event log the services may use: `guanxi migrate` confirms another one.
extension Migrate {
    // Of the command line alone: a variable that is set for the services would confirm whatever they are given.
    static let eventLog = Command.Option(
        "event-log", value: "kind", choices: ["kafka", "postgres"],
        help: "Confirms that the services use this event log from now on, when it was another one.")

    /// Remembers the kind that was confirmed, or the one that an installation from before it was remembered has.
    func rememberLog(_ confirmed: String?) async throws {
        let log = database(Backbone.logDatabaseName, on: superuser).database
        let outcome: Result<Void, any Error>
        do {
            let remembered = RememberedLog(database: log)
            let known = try await remembered.kind()
            if let confirmed {
                if confirmed != known {
                    try await remembered.change(to: confirmed)
                    console.write("event log: from now on \(confirmed)\n")
                }
            } else if known == nil, try await isFedByKafka(log) {
                try await remembered.change(to: "kafka")
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await log.close()
        try outcome.get()
    }

    /// Whether analytics has read events and the embedded log never had a topic. When it had, it may be left from
    /// before a change: the services' next start says which it is.
    private func isFedByKafka(_ log: PostgresDatabase) async throws -> Bool {
        guard try await log.query("select 1 from shared.log_topic limit 1").isEmpty else { return false }
        let analytics = database(Backbone.databaseName(AnalyticsService.name), on: superuser).database
        let outcome: Result<Bool, any Error>
        do {
            outcome = .success(try await !analytics.query("select 1 from shared.inbox_offset limit 1").isEmpty)
        } catch {
            outcome = .failure(error)
        }
        await analytics.close()
        return try outcome.get()
    }
}
