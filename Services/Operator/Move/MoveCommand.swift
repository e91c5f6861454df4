import JSON
import ServiceKit
import Tenancy

/// `guanxi tenant move`: speaks to the databases of both servers.
enum MoveCommand {
    static let command = Command(
        "move", summary: "Move a tenant's data to another PostgreSQL server, while its people go on working.",
        arguments: [.init("tenant", help: "The tenant's slug or id.")],
        options: [
            Migrate.databaseURL, Migrate.databaseServers, Migrate.extraFolder,
            .init(
                "to", value: "SERVER", isRequired: true,
                help: "A name of --database-servers, or home for the server that has the directory."),
        ],
        examples: [
            (
                command: "guanxi tenant move nanhua --to second",
                meaning: "Copies nanhua's data there, then lets its writes wait for a moment, once in each service."
            ),
            (command: "guanxi tenant move nanhua --to home", meaning: "Brings them back, or takes back half a move."),
        ]
    ) { call in
        let (tenant, name) = (call.arguments[0], try call.required("to"))
        let known = try Migrate.servers(call["database-servers"] ?? "").keys.sorted()
        guard name == TenantDatabase.home || known.contains(name) else {
            let list = ([TenantDatabase.home] + known).joined(separator: ", ")
            throw CommandFailure.usage("--to is \"\(name)\", --database-servers names: \(list)")
        }
        try await BackupCommands.withDatabases(call) { databases in
            let outcome = try await TenantMove(databases: databases, console: call.console)
                .run(tenant, to: name == TenantDatabase.home ? "" : name)
            let longest = outcome.parts.map(\.pause).max() ?? .zero
            let services = outcome.parts.map { part -> JSON in
                [
                    "service": part.service.json, "rows": part.rows.json,
                    "pauseMilliseconds": .int(part.pause.wholeMilliseconds),
                ]
            }
            call.answer([
                "tenant": outcome.tenant.json, "server": name.json, "services": .array(services),
                "pauseMilliseconds": .int(longest.wholeMilliseconds),
            ]) {
                outcome.parts.isEmpty
                    ? "\(tenant) is on \(name)\n"
                    : "\(tenant) is on \(name): \(outcome.parts.reduce(0) { $0 + $1.rows }) rows, writes waited "
                        + "\(longest.wholeMilliseconds) ms at most\n"
            }
        }
    }
}

extension Duration {
    var wholeMilliseconds: Int64 { Int64((self / .milliseconds(1)).rounded()) }
}
