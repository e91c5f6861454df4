import HTTP
import JSON
import ServiceKit

/// `guanxi status`
enum StatusCommand {
    static let command = Command(
        "status", summary: "Services, waiting events and consumers' lag.",
        examples: [
            (command: "guanxi status", meaning: "Ends with 3 when a service does not answer, with 1 when one stalls."),
            (
                command: "guanxi status --json | jq '[.[].outbox.depth] | add'",
                meaning: "How many events wait to be published."
            ),
        ]
    ) { call in
        try await call.withAPI { api in
            let answer = try await api.send(.get, "/v1/platform/status")
            call.answer(answer) { text(answer) }
            try PlatformAnswer.requireAll(answer)
            let stalled = PlatformAnswer.services(answer).flatMap { $0.answer["consumers"]?.array ?? [] }
                .filter { $0["isStalled"]?.bool == true }.map { $0.cell("group") }
            guard stalled.isEmpty else {
                throw CommandFailure("stalled: \(stalled.joined(separator: ", ")); the service's log says why")
            }
        }
    }

    static func text(_ answer: JSON) -> String {
        var outboxes = Table([
            ("SERVICE", .left), ("STATE", .left), ("EVENT LOG", .left), ("OUTBOX", .right), ("OLDEST", .right),
            ("PUBLISHED", .right),
        ])
        var consumers = Table([
            ("CONSUMER", .left), ("STATE", .left), ("LAG", .right), ("APPLIED", .right), ("REPEATS", .right),
            ("PARKED", .right),
        ])
        for (name, status) in PlatformAnswer.services(answer) {
            let outbox = status["outbox"] ?? .null
            outboxes.add(
                name, status["error"] == nil ? "runs" : "no answer", status.cell("eventLog"), outbox.cell("depth"),
                outbox["lagSeconds"].map { "\($0.cell) s" } ?? "-", outbox.cell("published"))
            for group in status["consumers"]?.array ?? [] {
                consumers.add(
                    group.cell("group"), group["isStalled"]?.bool == true ? "stalled" : "runs", group.cell("lag"),
                    group.cell("applied"), group.cell("repeats"), group.cell("parked"))
            }
        }
        return outboxes.text + (consumers.isEmpty ? "" : "\n" + consumers.text)
    }
}

/// What `/v1/platform` answers: a member for each service.
enum PlatformAnswer {
    /// The answers in the services' usual order; one that did not answer has an `error`.
    static func services(_ answer: JSON) -> [(name: String, answer: JSON)] {
        let order = ServiceSettings.services
        return (answer.object ?? [:]).map { (name: $0.name, answer: $0.value) }
            .sorted { (order.firstIndex(of: $0.name) ?? 99, $0.name) < (order.firstIndex(of: $1.name) ?? 99, $1.name) }
    }

    /// Fails when a service did not answer, after what the others said was shown.
    static func requireAll(_ answer: JSON) throws {
        let silent = services(answer).filter { $0.answer["error"] != nil }
        guard let first = silent.first else { return }
        throw CommandFailure(
            "no answer from \(silent.map(\.name).joined(separator: ", ")) (\(first.answer.cell("error"))): "
                + "see that it runs, and its log", code: .unavailable)
    }
}
