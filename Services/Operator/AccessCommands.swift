import HTTP
import JSON
import ServiceKit

/// `guanxi api-key …` and `guanxi user …`
enum AccessCommands {
    static let tenant = Command.Option(
        "tenant", short: "t", value: "tenant", environment: "GUANXI_TENANT", isRequired: true,
        help: "The tenant's slug or id.")
    private static let roles = ["sales", "manager", "operations", "service", "executive", "admin"]
    private static let role = Command.Option(
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
        "list", summary: "List a tenant's keys.", options: [tenant],
        examples: [(command: "guanxi api-key list --tenant nanhua", meaning: "Every key, without its secret.")]
    ) { call in
        try await call.withTenant { api in
            let items = try await api.all("/v1/api-keys").filter { $0["name"]?.string != TemporaryKey.name }
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
            _ = try await api.send(.delete, "/v1/api-keys/\(call.segment(id))")
            call.answer(["revoked": id.json]) { "the key \(id) is revoked\n" }
        }
    }

    // MARK: - Users

    static let user = Command("user", summary: "People of a tenant.", subcommands: [createUser, listUsers])

    private static let createUser = Command(
        "create", summary: "Create a user and a one-time value by which he sets his password.",
        arguments: [.init("login", help: "The name to log in by.")],
        options: [
            tenant, role, .init("name", value: "name", help: "The person's name; the login when missing."),
            .init("email", value: "address", help: "The person's e-mail address."),
            .init("team", value: "id", help: "The team's id."),
            .init(
                "language", value: "language", choices: ["zh", "en"],
                help: "In which the person is answered; the tenant's usual one when missing."),
        ],
        examples: [
            (
                command: "guanxi user create li.wei --tenant nanhua --role sales --name 李伟",
                meaning: "Prints the one-time value for POST /v1/password-resets/{value}."
            )
        ]
    ) { call in
        let login = call.arguments[0]
        var body: JSONObject = [
            "login": login.json, "name": (call["name"] ?? login).json, "role": call["role"].json,
        ]
        for (option, member) in [("email", "email"), ("team", "teamId"), ("language", "language")] {
            if let value = call[option] { body[member] = value.json }
        }
        let request = body
        try await call.withTenant { api in
            let user = try await api.send(.post, "/v1/users", json: .object(request))
            let reset = try await api.send(.post, "/v1/users/\(user.cell("id"))/password-reset")
            call.answer(["user": user, "passwordReset": reset]) {
                """
                user \(user.cell("login")), id \(user.cell("id"))
                password: POST \(api.baseURL)\(reset.cell("url")) {"password": "…"} before \(reset.cell("expiresAt"))

                """
            }
        }
    }

    private static let listUsers = Command(
        "list", summary: "List a tenant's users.", options: [tenant],
        examples: [(command: "guanxi user list --tenant nanhua", meaning: "Everybody of the tenant.")]
    ) { call in
        try await call.withTenant { api in
            let items = try await api.all("/v1/users", query: [("limit", "200")])
            call.answer(["items": .array(items)]) {
                Table.of(
                    items,
                    [
                        ("LOGIN", "login"), ("NAME", "name"), ("ROLE", "role"), ("STATUS", "status"),
                        ("E-MAIL", "email"), ("ID", "id"),
                    ], none: "The tenant has no users yet.")
            }
        }
    }
}
