import HTTP
import JSON
import ServiceKit

/// `guanxi user …`
enum UserCommands {
    static let command = Command(
        "user", summary: "People of a tenant.",
        subcommands: [
            create, list, resetPassword,
            change("deactivate", to: "inactive", "Let a user in no more; what he has done stays."),
            change("reactivate", to: "active", "Let a user in again."),
        ])

    private static let login = Command.Argument("login", help: "The name to log in by, or the user's id.")

    private static let create = Command(
        "create", summary: "Create a user and a one-time value by which he sets his password.",
        arguments: [.init("login", help: "The name to log in by.")],
        options: [
            AccessCommands.tenant, AccessCommands.role,
            .init("name", value: "name", help: "The person's name; the login when missing."),
            .init("email", value: "address", help: "The person's e-mail address."),
            .init("team", value: "id", help: "The team's id."),
            .init(
                "language", value: "language", choices: ["zh", "en"],
                help: "In which the person is answered; the tenant's usual one when missing."),
        ],
        examples: [
            (
                command: "guanxi user create li.wei --tenant nanhua --role sales --name 李伟",
                meaning: "Shows the command by which the password is set, once and within a day."
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
            call.answer(["user": user, "passwordReset": reset]) { table([user]) + passwordText(reset, api) }
        }
    }

    private static let resetPassword = Command(
        "reset-password", summary: "Make a one-time value by which a user sets a new password.", arguments: [login],
        options: [AccessCommands.tenant],
        examples: [
            (
                command: "guanxi user reset-password li.wei --tenant nanhua",
                meaning: "An earlier value is worthless from then on; the old password works until the new one is set."
            )
        ]
    ) { call in
        try await call.withTenant { api in
            let user = try await find(call.arguments[0], api)
            let reset = try await api.send(.post, "/v1/users/\(user.cell("id"))/password-reset")
            call.answer(["user": user, "passwordReset": reset]) { table([user]) + passwordText(reset, api) }
        }
    }

    private static let list = Command(
        "list", summary: "List a tenant's users.", options: [AccessCommands.tenant],
        examples: [(command: "guanxi user list --tenant nanhua", meaning: "Everybody of the tenant.")]
    ) { call in
        try await call.withTenant { api in
            let items = try await api.all("/v1/users", query: [("sort", "login")])
            call.answer(["items": .array(items)]) { table(items) }
        }
    }

    private static func change(_ verb: String, to status: String, _ summary: String) -> Command {
        Command(
            verb, summary: summary, arguments: [login], options: [AccessCommands.tenant],
            examples: [(command: "guanxi user \(verb) li.wei --tenant nanhua", meaning: summary)]
        ) { call in
            try await call.withTenant { api in
                let user = try await find(call.arguments[0], api)
                let changed = try await api.send(
                    .patch, "/v1/users/\(user.cell("id"))", json: ["status": .string(status)])
                call.answer(changed) { table([changed]) }
            }
        }
    }

    // MARK: - Pieces

    private static func find(_ text: String, _ api: APIClient) async throws -> JSON {
        let named = try await api.all("/v1/users", query: [("login", text)])
        if let user = named.first { return user }
        do {
            return try await api.send(.get, "/v1/users/\(PercentCoding.encode(text))")
        } catch let refusal as APIRefusal where refusal.status == .notFound {
            throw CommandFailure("there is no user \"\(text)\": guanxi user list shows those that are")
        }
    }

    private static func table(_ users: [JSON]) -> String {
        Table.of(
            users,
            [
                ("LOGIN", "login"), ("NAME", "name"), ("ROLE", "role"), ("STATUS", "status"), ("E-MAIL", "email"),
                ("ID", "id"),
            ], none: "The tenant has no users yet: guanxi user create --help shows how.")
    }

    private static func passwordText(_ reset: JSON, _ api: APIClient) -> String {
        """
        send the user this address; the password is set there, once, before \(reset.cell("expiresAt")):
          \(api.baseURL)\(reset["page"]?.string ?? "")

        """
    }
}
