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

/// `guanxi migrate`: like backup, restore and move it speaks to databases.
///
/// Makes what is missing and brings what is behind up to date; touches nothing else, so it may run as often as one
/// likes and goes on where an earlier run was stopped.
struct Migrate: Sendable {
    let console: Console
    let group: EventLoopGroup
    let superuser: PostgresConfiguration
    /// Further servers for tenants, by name.
    var others: [String: PostgresConfiguration] = [:]
    /// The folder of the installation's own migrations.
    var extra: URL?
    /// Whether to take away what only earlier releases need.
    var contracts = false
    /// What the services log in with, where it is not the password that the superuser of each server has.
    var servicesPassword: String?
    /// The kind of event log that the services use from now on, if it is confirmed.
    var confirmedLog: String?

    /// The services with a database, and their own migrations.
    static let services: [(name: String, migrations: @Sendable () throws -> [MigrationSet])] = [
        (GatewayService.name, GatewayService.migrations),
        (LeadsService.name, LeadsService.migrations),
        (OpportunitiesService.name, OpportunitiesService.migrations),
        (CustomersService.name, CustomersService.migrations),
        (AnalyticsService.name, AnalyticsService.migrations),
    ]

    static let databaseURL = Command.Option(
        "database-url", value: "URL", environment: "GUANXI_DATABASE_URL",
        help: "The PostgreSQL server, as superuser.")

    static let databaseServers = Command.Option(
        "database-servers", value: "LIST", environment: "GUANXI_DATABASE_SERVERS",
        help: "Further servers for tenants, as superuser: name=URL, separated by spaces.")

    static let servicesPassword = Command.Option(
        "services-password", value: "PASSWORD", environment: "GUANXI_SERVICES_PASSWORD",
        help:
            "What the services log in with: the password of their GUANXI_DATABASE_URL. Without it they get that of "
            + "--database-url, on a further server that of its address. Anybody sees a command line: use the variable.")

    static let extraSet = "extra"
    static let extraFolder = Command.Option(
        "extra", value: "FOLDER",
        help: "Migrations of your own: FOLDER/leads/tenant/0001_name.sql, FOLDER/leads/shared/…")

    static let command = Command(
        "migrate", summary: "Prepare the databases and bring every tenant up to date.",
        options: [
            databaseURL,
            .init(
                "operator-key-file", value: "FILE",
                help: "Where the first operator's key is written; nothing is made when the file is there."),
            databaseServers, servicesPassword, extraFolder, eventLog,
            .init(
                "contract",
                help: "Also take away what only earlier releases need, once none of them runs any more."),
        ],
        examples: [
            (
                command:
                    "guanxi migrate --database-url postgresql://postgres@db/postgres --operator-key-file operator.key",
                meaning: "Prepares a new installation."
            ),
            (command: "guanxi migrate --contract", meaning: "Ends an upgrade, when no earlier release runs any more."),
            (
                command: "guanxi migrate --event-log kafka",
                meaning: "Lets the services, which are stopped, go from the embedded event log to Kafka."
            ),
        ]
    ) { invocation in
        let superuser = try superuser(try invocation.required("database-url"))
        do {
            try await invocation.onLoop { group in
                let extra = try invocation["extra"].map(folder)
                let others = try servers(invocation["database-servers"] ?? "")
                let migrate = Migrate(
                    console: invocation.console, group: group, superuser: superuser, others: others, extra: extra,
                    contracts: invocation.has("contract"), servicesPassword: invocation["services-password"],
                    confirmedLog: invocation["event-log"])
                try await migrate.run()
                if let file = invocation["operator-key-file"] { try await migrate.makeOperatorKey(file) }
            }
        } catch let error as PostgresError where error.isUnavailable {
            throw CommandFailure("\(error). Check --database-url and that the server runs", code: .unavailable)
        }
    }

    static func superuser(_ url: String) throws(CommandFailure) -> PostgresConfiguration {
        do {
            return try PostgresConfiguration(url: url)
        } catch {
            throw .usage("--database-url is no address such as postgresql://postgres@host/postgres: \(error)")
        }
    }

    /// A service's migrations of the installation's own.
    static func extra(in folder: URL, of service: String) throws -> MigrationSet {
        try MigrationSet(name: extraSet, folder: folder.appending(path: service))
    }

    static func servers(_ list: String) throws -> [String: PostgresConfiguration] {
        do {
            return try DatabaseServers.read(list).mapValues { try PostgresConfiguration(url: $0.value) }
        } catch let error as ConfigurationError {
            throw CommandFailure.usage("\(error)")
        }
    }

    static func folder(_ path: String) throws(CommandFailure) -> URL {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            throw .usage("--extra is \"\(path)\": expected a folder")
        }
        return URL(filePath: path)
    }

    /// A database to be brought up to date.
    private struct Target: Sendable {
        let label: String
        let database: String
        let server: PostgresConfiguration
        let sets: [MigrationSet]
    }

    /// What was done to one database.
    private struct Outcome: Sendable {
        var steps = 0
        var report = MigrationReport()
    }

    func run() async throws {
        let start = ContinuousClock.now
        let targets = try targets()
        var outcomes: [String: Outcome] = [:]
        try await withThrowingTaskGroup(of: (String, Outcome).self) { tasks in
            tasks.addTask {
                let steps = try await prepare(Backbone.logDatabaseName, [EventLogSchema.log()], on: superuser)
                return (Backbone.logDatabaseName, Outcome(steps: steps))
            }
            for target in targets { tasks.addTask { (target.label, try await bringUp(target)) } }
            for try await (label, outcome) in tasks { outcomes[label] = outcome }
        }
        try await rememberLog(confirmedLog)
        for label in targets.map(\.label) {
            let outcome = outcomes[label] ?? Outcome()
            let migrated = outcome.report.migrated.count
            console.write("\(label): \(outcome.steps) migrations, \(migrated) tenants brought up to date\n")
        }
        let behind = targets.map(\.label).filter { outcomes[$0]?.report.failed.isEmpty == false }
        guard behind.isEmpty else {
            throw CommandFailure("tenants of \(behind.joined(separator: ", ")) stay behind: run it again")
        }
        let (steps, tenants) = outcomes.values.reduce((0, 0)) { ($0.0 + $1.steps, $0.1 + $1.report.migrated.count) }
        let seconds = start.duration(to: .now).inSeconds
        console.write("done: \(steps) migrations, \(tenants) tenants, \(String(format: "%.1f", seconds)) s\n")
    }

    /// The services' databases, those with tenants on every server.
    private func targets() throws -> [Target] {
        var targets: [Target] = []
        for (service, migrations) in Self.services {
            var sets = try Backbone.migrations(with: migrations())
            if let extra { sets.append(try Self.extra(in: extra, of: service)) }
            let database = Backbone.databaseName(service)
            targets.append(Target(label: service, database: database, server: superuser, sets: sets))
            // What people log in with stays with the directory.
            guard service != GatewayService.name else { continue }
            for (name, server) in others.sorted(by: { $0.key < $1.key }) {
                targets.append(Target(label: "\(service) on \(name)", database: database, server: server, sets: sets))
            }
        }
        return targets
    }

    /// Prepares a database; how many migrations ran.
    private func prepare(
        _ database: String, _ sets: [MigrationSet], on server: PostgresConfiguration
    ) async throws -> Int {
        try await Bootstrap(
            superuser: server, loginPassword: servicesPassword ?? server.password, contracts: contracts, group: group
        )
        .prepare(database: database, sets: sets).count
    }

    /// Prepares a service's database, then each of its tenants.
    private func bringUp(_ target: Target) async throws -> Outcome {
        var outcome = Outcome(steps: try await prepare(target.database, target.sets, on: target.server))
        let database = database(target.database, on: target.server)
        do {
            let provisioner = TenantProvisioner(database, sets: target.sets)
            outcome.report = try await provisioner.migrateAll(parallel: Self.parallel) { tenant, error in
                if let error { console.note("\(target.label): tenant \(tenant) stays behind: \(error)\n") }
            }
        } catch {
            await database.close()
            throw error
        }
        await database.close()
        return outcome
    }

    /// So many tenants of each service at a time: the services go side by side, and leave their own connections alone.
    private static let parallel = 2

    /// Makes the first operator's key, readable by the file's owner alone.
    func makeOperatorKey(_ path: String) async throws {
        if let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int {
            guard size > 0 else {
                throw CommandFailure(
                    "\(path) is empty, as an interrupted run left it: remove it, and run this again for a key")
            }
            return
        }
        // The file first, and never readable by others: a key that cannot be kept is not made.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure("\(path) cannot be written: choose another --operator-key-file")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let database = database(Backbone.databaseName(GatewayService.name), on: superuser)
        do {
            let key = try await GatewayService.createOperatorKey("first operator", database: database)
            try file.write(contentsOf: Data((key + "\n").utf8))
            try file.synchronize()
        } catch {
            unlink(path)
            await database.database.close()
            throw error
        }
        await database.database.close()
        console.write("operator's key: written to \(path)\n")
    }

    func database(_ name: String, on server: PostgresConfiguration) -> TenantDatabase {
        var configuration = server.with(database: name)
        configuration.connectionsPerLoop = Self.parallel
        return TenantDatabase(database: PostgresDatabase(group: group, configuration: configuration))
    }
}
