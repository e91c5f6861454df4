import HTTP
import JSON
import ServiceKit

/// `guanxi tenant …`
enum TenantCommands {
    static let command = Command(
        "tenant", summary: "Create, list, suspend, resume, delete, back up, restore and move tenants.",
        subcommands: [
            create, list, change("suspend", "Refuse the tenant's requests until it is resumed; its data stay."),
            change("resume", "Let a suspended tenant in again."), delete, BackupCommands.backup, BackupCommands.restore,
            MoveCommand.command,
        ])

    private static let key = Command.Argument("tenant", help: "The tenant's slug or id.")
    private static let columns = [
        ("SLUG", "slug"), ("NAME", "name"), ("STATUS", "status"), ("INDUSTRY", "industry"), ("TIME ZONE", "timeZone"),
        ("CURRENCY", "currency"), ("SERVER", "server"), ("ID", "id"),
    ].map { (title: $0.0, member: $0.1) }

    private static func table(_ items: [JSON]) -> String {
        Table.of(items, columns, none: "There are no tenants yet: guanxi tenant create --help shows how.")
    }

    private static let create = Command(
        "create", summary: "Create a tenant in every service.",
        arguments: [.init("slug", help: "Small letters, digits and hyphens, for addresses and commands.")],
        options: [
            .init("name", value: "name", help: "What people call it; the slug when missing."),
            .init("time-zone", value: "zone", default: "Asia/Shanghai", help: "In which its days begin."),
            .init("currency", value: "code", default: "CNY", help: "Of its figures."),
            .init("industry", value: "word", default: "general", help: "What it does."),
            .init("server", value: "name", help: "Which further PostgreSQL server has its data."),
        ],
        examples: [
            (
                command: "guanxi tenant create nanhua --name 南华文化 --industry culture",
                meaning: "Creates the tenant nanhua."
            )
        ]
    ) { call in
        let slug = call.arguments[0]
        let body: JSON = [
            "slug": slug.json, "name": (call["name"] ?? slug).json, "timeZone": call["time-zone"].json,
            "currency": call["currency"].json, "industry": call["industry"].json, "server": call["server"].json,
        ]
        try await call.withAPI { api in
            let made = try await api.send(.post, "/v1/tenants", json: body)
            call.answer(made) { table([made]) }
        }
    }

    private static let list = Command(
        "list", summary: "List the tenants.",
        examples: [(command: "guanxi tenant list --json", meaning: "All tenants, for programs.")]
    ) { call in
        try await call.withAPI { api in
            let items = try await api.all("/v1/tenants")
            call.answer(["items": .array(items)]) { table(items) }
        }
    }

    private static func change(_ verb: String, _ summary: String) -> Command {
        Command(
            verb, summary: summary, arguments: [key],
            examples: [(command: "guanxi tenant \(verb) nanhua", meaning: summary)]
        ) { call in
            try await call.withAPI { api in
                let tenant = try await named(call.arguments[0]) { path in
                    try await api.send(.post, "\(path)/\(verb)")
                }
                call.answer(tenant) { table([tenant]) }
            }
        }
    }

    private static let delete = Command(
        "delete", summary: "Remove a tenant with all its data, for ever.", arguments: [key],
        options: [.init("yes", short: "y", help: "Do not ask.")],
        examples: [
            (command: "guanxi tenant delete nanhua", meaning: "Asks, then removes."),
            (command: "guanxi tenant delete nanhua --yes", meaning: "Removes without asking, for programs."),
        ]
    ) { call in
        try await call.withAPI { api in
            let tenant = try await named(call.arguments[0]) { try await api.send(.get, $0) }
            let name = "\(tenant.cell("slug")) (\(tenant.cell("name")))"
            try call.confirm("Remove the tenant \(name) with all its data, for ever?")
            let answer = try await named(tenant.cell("id")) {
                try await api.send(.delete, $0, patience: .seconds(120))
            }
            let isGone = answer == .null
            call.answer(["deleted": tenant["id"] ?? .null, "complete": .bool(isGone)]) {
                isGone
                    ? "\(name) is removed\n"
                    : "\(name) is no longer there; what a service that is away has of it is removed when that is back\n"
            }
        }
    }

    /// Does something at a tenant's address.
    private static func named(
        _ tenant: String, _ body: @Sendable (_ path: String) async throws -> JSON
    ) async throws -> JSON {
        do {
            return try await body("/v1/tenants/\(PercentCoding.encode(tenant))")
        } catch let refusal as APIRefusal where refusal.status == .notFound {
            throw CommandFailure("there is no tenant \"\(tenant)\": guanxi tenant list shows those that are")
        }
    }
}
