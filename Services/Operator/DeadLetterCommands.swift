import HTTP
import JSON
import ServiceKit

/// `guanxi dead-letters …`
enum DeadLetterCommands {
    static let command = Command(
        "dead-letters", summary: "Events that could not be applied.", subcommands: [list, show, redrive])

    private static let service = Command.Argument("service", help: "The service that parked it.")
    private static let id = Command.Argument("id", help: "The letter's number.")

    private static let list = Command(
        "list", summary: "List the parked events of every service, the oldest first.",
        options: [.init("tenant", short: "t", value: "tenant", help: "Only of this tenant, by slug or id.")],
        examples: [
            (command: "guanxi dead-letters list", meaning: "Where, what and why."),
            (command: "guanxi dead-letters list --tenant nanhua --json", meaning: "With the events' bodies."),
        ]
    ) { call in
        try await call.withAPI { api in
            let query = [("tenant", call["tenant"]), ("limit", "\(page)")].map { (name: $0.0, value: $0.1) }
            let answer = try await api.send(.get, "/v1/platform/dead-letters", query: query)
            let items = letters(answer)
            call.answer(["items": .array(items)]) {
                Table.of(
                    items,
                    [
                        ("SERVICE", "service"), ("ID", "id"), ("GROUP", "group"), ("TENANT", "tenant"),
                        ("TYPE", "type"), ("STATE", "state"), ("ATTEMPTS", "attempts"), ("PARKED", "parkedAt"),
                        ("REASON", "reason"),
                    ], none: "No event is parked.")
            }
            if PlatformAnswer.services(answer).contains(where: { $0.answer["items"]?.array?.count == page }) {
                call.console.note("these are the oldest \(page) of a service; more are parked\n")
            }
            try PlatformAnswer.requireAll(answer)
        }
    }

    /// The most letters of a service that are shown.
    private static let page = 500

    static func letters(_ answer: JSON) -> [JSON] {
        PlatformAnswer.services(answer).flatMap { name, answer in
            (answer["items"]?.array ?? []).map { letter in
                var letter = letter.object ?? [:]
                letter["service"] = name.json
                return .object(letter)
            }
        }
    }

    private static let show = Command(
        "show", summary: "Show a parked event with its body.", arguments: [service, id],
        examples: [(command: "guanxi dead-letters show analytics 7", meaning: "The whole letter.")]
    ) { call in
        let (service, id) = (call.arguments[0], try number(call.arguments[1]))
        try await call.withAPI { api in
            let answer = try await api.send(
                .get, "/v1/platform/dead-letters", query: [("service", service), ("id", "\(id)")])
            try PlatformAnswer.requireAll(answer)
            guard let letter = letters(answer).first else { throw unknown(service, id) }
            call.console.write(letter)
        }
    }

    private static func unknown(_ service: String, _ id: Int64) -> CommandFailure {
        CommandFailure("\(service) has no letter \(id): guanxi dead-letters list shows what there is")
    }

    private static let redrive = Command(
        "redrive", summary: "Apply parked events again: all, those of a service, or one.",
        arguments: [
            .init("service", isRequired: false, help: "The service that parked them."),
            .init("id", isRequired: false, help: "The letter's number."),
        ],
        examples: [
            (command: "guanxi dead-letters redrive", meaning: "Everything, after the cause is gone."),
            (command: "guanxi dead-letters redrive analytics 7", meaning: "One letter and what waits behind it."),
        ]
    ) { call in
        let id = call.arguments.count > 1 ? try number(call.arguments[1]) : nil
        let request: JSON = [
            "service": call.arguments.first.map { .string($0) } ?? .null, "id": id.map { .int($0) } ?? .null,
        ]
        try await call.withAPI { api in
            let answer = try await api.send(
                .post, "/v1/platform/dead-letters/redrive", json: request, patience: .seconds(120))
            let items = PlatformAnswer.services(answer).map { name, answer -> JSON in
                var row = answer.object ?? [:]
                row["service"] = name.json
                if let error = row["error"] { row["reasons"] = error }
                return .object(row)
            }
            let remaining = items.reduce(0) { $0 + ($1["remaining"]?.int ?? 0) }
            if let id, let service = call.arguments.first, remaining == 0, items.first?["applied"]?.int == 0 {
                throw unknown(service, id)
            }
            call.answer(answer) {
                Table.of(
                    items,
                    [
                        ("SERVICE", "service"), ("APPLIED", "applied"), ("REMAINING", "remaining"),
                        ("REASONS", "reasons"),
                    ], none: "No service has consumers.")
            }
            try PlatformAnswer.requireAll(answer)
            guard remaining == 0 else {
                throw CommandFailure("\(remaining) events stay parked: remove the reasons above, then redrive again")
            }
        }
    }

    private static func number(_ text: String) throws(CommandFailure) -> Int64 {
        guard let number = Int64(text), number > 0 else {
            throw .usage("\"\(text)\" is no letter's number: guanxi dead-letters list shows them")
        }
        return number
    }
}
