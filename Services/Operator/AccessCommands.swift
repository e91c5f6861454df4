import HTTP
import JSON
import ServiceKit
import Values

/// `guanxi api-key …`
enum AccessCommands {
    static let tenant = Command.Option(
        "tenant", short: "t", value: "tenant", environment: "GUANXI_TENANT", isRequired: true,
        help: "The tenant's slug or id.")
    private static let roles = ["sales", "manager", "operations", "service", "executive", "admin"]
    static let role = Command.Option(
        "role", short: "r", value: "role", choices: roles, isRequired: true, help: "What it may do.")

    // MARK: - Keys

    static let apiKey = Command(
        "api-key", summary: "Keys by which programs act in a tenant.", subcommands: [createKey, listKeys, revokeKey])

    private static let createKey = Command(
        "create", summary: "Create a key; it is shown once and never again.",
        options: [
            tenant, role, .init("name", value: "name", default: "guanxi", help: "What the key is for."),
            .init(
                "scope", value: "permission", isRepeatable: true,
                help: "Narrows the role to these permissions; may be given several times."),
            .init("expires-at", value: "time", help: "Such as 2027-01-01T00:00:00Z; never when missing."),
        ],
        examples: [
            (
                command: "guanxi api-key create --tenant nanhua --role admin --json",
                meaning: "A key for a script; .key is what it sends."
            ),
            (
                command: "guanxi api-key create -t nanhua -r operations --name website --scope leads.write",
                meaning: "A key that can only write leads."
            ),
        ]
    ) { call in
        var body: JSONObject = ["name": call["name"].json, "role": call["role"].json]
        if !call.all("scope").isEmpty { body["scopes"] = call.all("scope").json }
        if let time = call["expires-at"] { body["expiresAt"] = time.json }
        let (request, path) = (body, "/v1/tenants/\(call.segment(try call.required("tenant")))/api-keys")
        try await call.withAPI { api in
            let made = try await api.send(.post, path, json: .object(request))
            call.answer(made) { made.cell("key") + "\n" }
            if !call.isJSON {
                call.console.note("Keep it safe: it is never shown again. Its id is \(made.cell("id")).\n")
            }
        }
    }

    private static let listKeys = Command(
        "list", summary: "List a tenant's keys.",
        options: [tenant, .init("all", help: "Those that are revoked or have expired, too.")],
        examples: [(command: "guanxi api-key list --tenant nanhua", meaning: "Every key, without its secret.")]
    ) { call in
        try await call.withTenant { api in
            let items = try await api.all("/v1/api-keys").filter { key in
                key["name"]?.string != TemporaryKey.name && (call.has("all") || isUsable(key, at: .now()))
            }
            call.answer(["items": .array(items)]) {
                Table.of(
                    items,
                    [
                        ("ID", "id"), ("NAME", "name"), ("ROLE", "role"), ("SCOPES", "scopes"),
                        ("CREATED", "createdAt"), ("EXPIRES", "expiresAt"), ("REVOKED", "revokedAt"),
                    ], none: "The tenant has no keys.")
            }
        }
    }

    static func isUsable(_ key: JSON, at now: Timestamp) -> Bool {
        let expires = key["expiresAt"]?.string.flatMap { Timestamp($0) }
        return key["revokedAt"]?.isNull != false && expires.map { $0 > now } ?? true
    }

    private static let revokeKey = Command(
        "revoke", summary: "Revoke a key, within a second everywhere.",
        arguments: [.init("id", help: "The key's id.")], options: [tenant],
        examples: [
            (
                command: "guanxi api-key revoke 0198c5f2-0000-7000-8000-000000000001 --tenant nanhua",
                meaning: "Nobody believes the key any more."
            )
        ]
    ) { call in
        try await call.withTenant { api in
            let id = call.arguments[0]
            do {
                _ = try await api.send(.delete, "/v1/api-keys/\(call.segment(id))")
            } catch let refusal as APIRefusal where refusal.status == .notFound {
                throw CommandFailure("there is no key \(id): guanxi api-key list shows those that are")
            }
            call.answer(["revoked": id.json]) { "the key \(id) is revoked\n" }
        }
    }
}
