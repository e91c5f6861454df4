import Contracts
import EventLog
import Foundation
import JSON
import ServiceKit
import Tenancy
import Values

extension Backbone {
    /// A consumer group of this service.
    /// - Parameters:
    ///   - isDurable: see ``EventConsumer/Configuration/isDurable``.
    ///   - pace: see ``EventConsumer/Configuration/pace``; nil for the standard one.
    ///   - acceptsMidway: see ``EventConsumer/Configuration/acceptsMidway``.
    public func consumer(
        _ group: String, topics: [Topic], handlers: [any EventHandler], isDurable: Bool = true,
        pace: Duration? = nil, acceptsMidway: Bool = false
    ) -> EventConsumer {
        let logger = context.logger.component("consumer \(group)")
        // A line for each event is for those who look for something.
        let applied: (@Sendable (CloudEvent) -> Void)? =
            logger.level > .debug
            ? nil
            : { @Sendable event in
                Self.inScope(of: event) {
                    logger.debug(
                        "event applied",
                        [
                            "type": .string(event.type), "aggregate": .string(event.subject),
                            "sequence": .int(event.sequence), "event": .string(event.id.uuidString.lowercased()),
                        ])
                }
            }
        var configuration = EventConsumer.Configuration(group: group, topics: topics.map(\.name))
        configuration.isDurable = isDurable
        configuration.pace = pace ?? configuration.pace
        configuration.acceptsMidway = acceptsMidway
        return EventConsumer(
            configuration, log: log, database: database, handlers: handlers,
            report: Self.report(context.logger), applied: applied)
    }

    /// The consumers that keep the service's copies. What a crash undoes of them is read again. Each event has the whole
    /// of its person or team: one whose beginning the topic holds no longer is known from the next.
    ///
    /// What is kept since a later release has a group of its own, which begins at the earliest event, and which instances
    /// of the release before are not in.
    public func directoryConsumers(_ group: String) -> [EventConsumer] {
        [(group, kept.subtracting(filling)), ("\(group)-directory", filling)].filter { !$0.1.isEmpty }.map {
            group, parts in
            let copy = DirectoryCopy(parts)
            return consumer(group, topics: copy.topics, handlers: [copy], isDurable: false, acceptsMidway: true)
        }
    }

    var fillings: [CopyFilling] {
        guard !filling.isEmpty else { return [] }
        let clients = Dictionary(uniqueKeysWithValues: filling.map { ($0, context.internalClient($0.owner.rawValue)) })
        return [
            CopyFilling(
                database: database, parts: filling.sorted { $0.rawValue < $1.rawValue },
                logger: context.logger.component("copies"),
                ask: CopyFilling.asking(context.settings.name, clients))
        ]
    }

    /// Metrics of the consumers, each under its group.
    func observe(_ consumers: [EventConsumer]) {
        guard !consumers.isEmpty else { return }
        func provide(
            _ name: String, _ kind: MetricsRegistry.Kind, _ help: String,
            _ value: @escaping @Sendable (EventConsumer) async -> Double?
        ) {
            context.metrics.provide("guanxi_consumer_\(name)", kind, help: help) {
                var samples: [MetricsRegistry.Sample] = []
                for consumer in consumers {
                    guard let value = await value(consumer) else { continue }
                    samples.append(.init(value, [(name: "group", value: consumer.configuration.group)]))
                }
                return samples
            }
        }
        provide("applied_total", .counter, "Events applied.") { Double($0.status.applied) }
        provide("repeats_total", .counter, "Events delivered again and skipped.") { Double($0.status.repeats) }
        provide("parked_total", .counter, "Events parked because they could not be applied.") {
            Double($0.status.parked)
        }
        provide("missed_total", .counter, "Events that the log no longer held when their turn came.") {
            Double($0.status.missed)
        }
        // As last looked at: a log that is away must not keep anybody from the other metrics.
        provide("lag", .gauge, "Events of the log that are not applied yet; absent while the log is away.") {
            $0.status.lag.map { Double($0) }
        }
        provide("stalled", .gauge, "1 when events wait and nothing moves.") { $0.status.isStalled ? 1 : 0 }
    }

    static func report(_ logger: Logger) -> EventLogNotice.Report {
        { notice in
            inScope(of: notice.event) {
                let line = "\(notice.component): \(notice.description)"
                if notice.severity == .error { logger.error(line) } else { logger.warning(line) }
            }
        }
    }

    /// Runs `body` in the trace and for the tenant of an event, so that log lines carry both.
    private static func inScope(of event: CloudEvent?, _ body: () -> Void) {
        guard let event else { return body() }
        let trace = event.traceparent.flatMap(TraceContext.init(traceparent:)) ?? TraceContext()
        RequestScope.$current.withValue(RequestScope(trace: trace, tenant: event.tenant), operation: body)
    }
}
