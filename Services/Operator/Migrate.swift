import Analytics
import Customers
import EventLog
import Foundation
import Gateway
import Leads
import Opportunities
import Postgres
import Resources
import Runtime
import ServiceKit
import Tenancy
import Values

/// `guanxi migrate`: the only command that speaks to databases.
///
/// Makes what is missing and brings what is behind up to date; touches nothing else, so it may run as often as one
/// likes and goes on where an earlier run was stopped.
struct Migrate: Sendable {
    let console: Console
    let group: EventLoopGroup
    let superuser: PostgresConfiguration

    /// The services with a database, and their own migrations.
    static let services: [(name: String, migrations: @Sendable () throws -> [MigrationSet])] = [
        (GatewayService.name, GatewayService.migrations),
        (LeadsService.name, LeadsService.migrations),
        (OpportunitiesService.name, OpportunitiesService.migrations),
        (CustomersService.name, CustomersService.migrations),
        (AnalyticsService.name, AnalyticsService.migrations),
    ]

    static let command = Command(
        "migrate", summary: "Prepare the databases and bring every tenant up to date.",
        options: [
            .init(
                "database-url", value: "URL", environment: "GUANXI_DATABASE_URL",
                help: "The PostgreSQL server, as superuser."),
            .init(
                "operator-key-file", value: "FILE",
                help: "Where the first operator's key is written; nothing is made when the file is there."),
        ],
        examples: [
            (
                command:
                    "guanxi migrate --database-url postgresql://postgres@db/postgres --operator-key-file operator.key",
                meaning: "Prepares a new installation."
            )
        ]
    ) { invocation in
        let superuser = try superuser(try invocation.required("database-url"))
        do {
            try await invocation.onLoop { group in
                let migrate = Migrate(console: invocation.console, group: group, superuser: superuser)
                try await migrate.run()
                if let file = invocation["operator-key-file"] { try await migrate.makeOperatorKey(file) }
            }
        } catch let error as PostgresError where error.isUnavailable {
            throw CommandFailure("\(error). Check --database-url and that the server runs", code: .unavailable)
        }
    }

    private static func superuser(_ url: String) throws(CommandFailure) -> PostgresConfiguration {
        do {
            return try PostgresConfiguration(url: url)
        } catch {
            throw .usage("--database-url is no address such as postgresql://postgres@host/postgres: \(error)")
        }
    }

    func run() async throws {
        let start = ContinuousClock.now
        let bootstrap = Bootstrap(superuser: superuser, loginPassword: superuser.password, group: group)
        var (steps, tenants) = (0, 0)
        steps += try await bootstrap.prepare(database: Backbone.logDatabaseName, sets: [EventLogSchema.log()]).count
        for service in Self.services {
            let sets = try Backbone.migrations(with: service.migrations())
            let name = Backbone.databaseName(service.name)
            let applied = try await bootstrap.prepare(database: name, sets: sets)
            steps += applied.count
            let database = database(name)
            let report = try await TenantProvisioner(database, sets: sets).migrateAll { tenant, error in
                if let error { console.note("\(service.name): tenant \(tenant) stays behind: \(error)\n") }
            }
            await database.database.close()
            tenants += report.migrated.count
            console.write(
                "\(service.name): \(applied.count) migrations, \(report.migrated.count) tenants brought up to date\n")
            guard report.failed.isEmpty else {
                throw CommandFailure("\(report.failed.count) tenants of \(service.name) stay behind: run it again")
            }
        }
        let seconds = start.duration(to: .now).inSeconds
        console.write("done: \(steps) migrations, \(tenants) tenants, \(String(format: "%.1f", seconds)) s\n")
    }

    /// Makes the first operator's key, readable by the file's owner alone.
    func makeOperatorKey(_ path: String) async throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        // The file first, and never readable by others: a key that cannot be kept is not made.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure("\(path) cannot be written: choose another --operator-key-file")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let database = database(Backbone.databaseName(GatewayService.name))
        do {
            let key = try await GatewayService.createOperatorKey("first operator", database: database)
            try file.write(contentsOf: Data((key + "\n").utf8))
        } catch {
            unlink(path)
            await database.database.close()
            throw error
        }
        await database.database.close()
        console.write("operator's key: written to \(path)\n")
    }

    private func database(_ name: String) -> TenantDatabase {
        var configuration = superuser.with(database: name)
        configuration.connectionsPerLoop = 6
        return TenantDatabase(database: PostgresDatabase(group: group, configuration: configuration))
    }
}
