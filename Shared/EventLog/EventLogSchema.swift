import Foundation
import Postgres

/// The tables this module needs, as migrations of a database made by `Bootstrap`.
public enum EventLogSchema {
    /// Outbox, relay's cursor, inbox and dead letters: for each service's database.
    public static func service() throws -> MigrationSet { try set("eventlog", "Migrations") }

    /// The embedded log's database.
    public static func log() throws -> MigrationSet { try set("log", "LogMigrations") }

    private static func set(_ name: String, _ folder: String) throws -> MigrationSet {
        try MigrationSet(name: name, folder: Bundle.module.bundleURL.appending(path: folder))
    }
}
