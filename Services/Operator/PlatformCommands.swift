import Contracts
import EventLog
import HTTP
import JSON
import Kafka
import Runtime
import ServiceKit

/// `guanxi status`, `guanxi dead-letters …`, `guanxi topics …`
enum PlatformCommands {
    /// The answers of the services, in the order of their names; one that did not answer has an `error`.
    private static func services(_ answer: JSON) -> [(name: String, answer: JSON)] {
        (answer.object ?? [:]).map { (name: $0.name, answer: $0.value) }
    }

    /// Fails when a service did not answer, after what the others said was shown.
    private static func requireAll(_ answer: JSON) throws {
        let silent = services(answer).filter { $0.answer["error"] != nil }.map(\.name)
        guard silent.isEmpty else {
            throw CommandFailure("no answer from \(silent.joined(separator: ", ")): see its log", code: .unavailable)
        }
    }

    // MARK: - Status

    static let status = Command(
        "status", summary: "Services, waiting events and consumers' lag.",
        examples: [(command: "guanxi status", meaning: "Ends with 3 when a service does not answer.")]
    ) { call in
        try await call.withAPI { api in
            let answer = try await api.send(.get, "/v1/platform/status")
            call.answer(answer) { statusText(answer) }
            try requireAll(answer)
        }
    }

    static func statusText(_ answer: JSON) -> String {
        var outboxes = Table([
            ("SERVICE", .left), ("STATE", .left), ("EVENT LOG", .left), ("OUTBOX", .right), ("WAITS (S)", .right),
            ("PUBLISHED", .right),
        ])
        var consumers = Table([
            ("CONSUMER", .left), ("LAG", .right), ("APPLIED", .right), ("REPEATS", .right), ("PARKED", .right),
            ("STATE", .left),
        ])
        for (name, status) in services(answer) {
            let outbox = status["outbox"] ?? .null
            outboxes.add(
                name, status["error"] == nil ? "runs" : "no answer", status.cell("eventLog"), outbox.cell("depth"),
                outbox.cell("lagSeconds"), outbox.cell("published"))
            for group in status["consumers"]?.array ?? [] {
                consumers.add(
                    group.cell("group"), group.cell("lag"), group.cell("applied"), group.cell("repeats"),
                    group.cell("parked"), group["isStalled"]?.bool == true ? "stalled" : "runs")
            }
        }
        return outboxes.text + (consumers.isEmpty ? "" : "\n" + consumers.text)
    }

    // MARK: - Dead letters

    static let deadLetters = Command(
        "dead-letters", summary: "Events that could not be applied.", subcommands: [list, show, redrive])

    private static let service = Command.Argument("service", help: "The service that parked it.")
    private static let id = Command.Argument("id", help: "The letter's number.")

    private static let list = Command(
        "list", summary: "List the parked events of every service.",
        examples: [(command: "guanxi dead-letters list", meaning: "Where, what and why.")]
    ) { call in
        try await call.withAPI { api in
            let answer = try await api.send(.get, "/v1/platform/dead-letters")
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
            try requireAll(answer)
        }
    }

    static func letters(_ answer: JSON) -> [JSON] {
        services(answer).flatMap { name, answer in
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
            let items = letters(try await api.send(.get, "/v1/platform/dead-letters"))
            guard let letter = items.first(where: { $0["service"]?.string == service && $0["id"]?.int == id }) else {
                throw CommandFailure("\(service) has no letter \(id): guanxi dead-letters list shows what there is")
            }
            call.console.write(letter)
        }
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
        var body = JSONObject()
        if let service = call.arguments.first { body["service"] = service.json }
        if call.arguments.count > 1 { body["id"] = .int(try number(call.arguments[1])) }
        let request = body
        try await call.withAPI { api in
            let answer = try await api.send(
                .post, "/v1/platform/dead-letters/redrive", json: .object(request), patience: .seconds(120))
            let items = services(answer).map { name, answer -> JSON in
                var row = answer.object ?? [:]
                row["service"] = name.json
                if let error = row["error"] { row["reasons"] = error }
                return .object(row)
            }
            call.answer(answer) {
                Table.of(
                    items,
                    [
                        ("SERVICE", "service"), ("APPLIED", "applied"), ("REMAINING", "remaining"),
                        ("REASONS", "reasons"),
                    ], none: "No service has consumers.")
            }
            try requireAll(answer)
        }
    }

    private static func number(_ text: String) throws(CommandFailure) -> Int64 {
        guard let number = Int64(text), number > 0 else {
            throw .usage("\"\(text)\" is no letter's number: guanxi dead-letters list shows them")
        }
        return number
    }

    // MARK: - Topics

    static let topics = Command(
        "topics", summary: "The event log's topics.",
        subcommands: [
            Command(
                "apply", summary: "Make the topics that are missing; what is there stays.",
                options: [
                    .init(
                        "event-log", value: "kind", default: "postgres", environment: "GUANXI_EVENT_LOG",
                        choices: ["kafka", "postgres"], help: "Which log the services use."),
                    .init(
                        "bootstrap-servers", value: "servers", environment: "KAFKA_BOOTSTRAP_SERVERS",
                        help: "Kafka's host:port,host:port."),
                ],
                examples: [
                    (
                        command: "guanxi topics apply --event-log kafka --bootstrap-servers kafka:9092",
                        meaning: "Prepares a Kafka whose services may not make topics."
                    )
                ], run: apply)
        ])

    @Sendable private static func apply(_ call: Invocation) async throws {
        let names = Topic.allCases.map(\.name)
        let answer: JSON = ["topics": names.json, "partitions": Topic.partitions.json]
        guard call["event-log"] == "kafka" else {
            return call.answer(answer) { "the embedded log needs no preparing: the services make its topics\n" }
        }
        let servers = try call.required("bootstrap-servers")
        let group = EventLoopGroup(count: 1, name: "guanxi")
        let task = Task(executorPreference: group.next()) {
            let log = KafkaEventLog(
                KafkaConfiguration(bootstrapServers: servers, clientID: "guanxi", report: { _ in }), group: group)
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await log.createTopics(names, partitions: Topic.partitions))
            } catch {
                outcome = .failure(error)
            }
            await log.close()
            try outcome.get()
        }
        do {
            try await task.value
        } catch {
            throw CommandFailure("\(error). Check --bootstrap-servers (\(servers))", code: .unavailable)
        }
        call.answer(answer) { names.map { "\($0), \(Topic.partitions) partitions\n" }.joined() }
    }
}
