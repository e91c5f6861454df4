import Contracts
import EventLog
import JSON
import Kafka
import Runtime
import ServiceKit

/// `guanxi topics …`: for brokers on which services may not make topics.
enum TopicCommands {
    /// Which log, and where.
    static let log: [Command.Option] = [
        .init(
            "event-log", value: "kind", default: "postgres", environment: "GUANXI_EVENT_LOG",
            choices: ["kafka", "postgres"], help: "Which log the services use."), bootstrapServers,
    ]

    static let bootstrapServers = Command.Option(
        "bootstrap-servers", value: "servers", environment: "KAFKA_BOOTSTRAP_SERVERS",
        help: "Kafka's host:port,host:port.")

    private static let retention = Command.Option(
        "event-retention", value: "time", default: EventRetention.standard.configurationText,
        environment: "GUANXI_EVENT_RETENTION", help: "How long topics that are made now keep events.")

    static let command = Command(
        "topics", summary: "The event log's topics.",
        subcommands: [
            Command(
                "apply", summary: "Make the topics that are missing; what is there stays.",
                options: log + [retention],
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
        let text = try call.required("event-retention")
        guard let retention = EventRetention.read(text) else {
            let (least, most) = (EventRetention.range.lowerBound, EventRetention.range.upperBound)
            throw CommandFailure(
                "--event-retention is \"\(text)\": expected a duration from \(least.configurationText) to "
                    + "\(most.configurationText), such as \(EventRetention.standard.configurationText)")
        }
        do {
            try await call.onLoop { group in
                let log = KafkaEventLog(
                    KafkaConfiguration(
                        bootstrapServers: servers, clientID: "guanxi", report: { call.console.note("\($0)\n") }),
                    group: group, retention: retention)
                let outcome: Result<Void, any Error>
                do {
                    outcome = .success(try await log.createTopics(names, partitions: Topic.partitions))
                } catch {
                    outcome = .failure(error)
                }
                await log.close()
                try outcome.get()
            }
        } catch let error where !(error is CancellationError) {
            throw CommandFailure("\(error). Check --bootstrap-servers (\(servers))", code: .unavailable)
        }
        call.answer(answer) { names.map { "\($0), \(Topic.partitions) partitions\n" }.joined() }
    }
}
