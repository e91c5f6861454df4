import Foundation
import HTTP
import JSON
import Runtime

/// The executable of a service: reads the settings, composes the service, runs it until it is told to stop.
///
///     await ServiceProgram(name: "leads", summary: "Takes in leads.", compose: LeadsService.compose).main()
public struct ServiceProgram: Sendable {
    public typealias Compose = @Sendable (ServiceContext) async throws -> ServiceComposition

    private let name: String
    private let summary: String
    /// Every setting that the executable reads.
    public let keys: [AnyConfigurationKey]
    private let examples: [(command: String, meaning: String)]
    private let compose: Compose

    /// - Parameters:
    ///   - name: `gateway`, `leads`, ….
    ///   - keys: settings beside those that every service has.
    ///   - compose: puts the service together; what waits for others belongs in the components' `start`.
    public init(
        name: String, summary: String, keys: [AnyConfigurationKey] = [],
        examples: [(command: String, meaning: String)] = [], compose: @escaping Compose
    ) {
        (self.name, self.summary, self.compose) = (name, summary, compose)
        self.keys = ServiceSettings.keys(for: name) + keys
        self.examples = examples + Self.commonExamples(name)
    }

    /// Runs the process's command line to the end of the process.
    public func main() async -> Never {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.contains("--help") || arguments.contains("-h") {
            Console.standard.write(
                Configuration.help(program: name, summary: summary, keys: keys, examples: examples))
            end(.success)
        }
        let configuration: Configuration
        let settings: ServiceSettings
        do throws(ConfigurationError) {
            configuration = try Configuration(
                keys: keys, arguments: arguments, environment: ProcessInfo.processInfo.environment)
            settings = try ServiceSettings(name: name, configuration: configuration)
        } catch {
            Console.standard.note("\(name): \(error)\n")
            end(.usage)
        }
        let group = EventLoopGroup(count: settings.loops, name: name)
        let outcome = await Task(executorPreference: group.next()) {
            await run(settings, configuration, group)
        }.value
        switch outcome {
        case .stopped: end(.success)
        case .startFailed(let sentence), .failed(let sentence):
            Console.standard.note("\(name): \(sentence)\n")
            end(.failure)
        }
    }

    private func run(
        _ settings: ServiceSettings, _ configuration: Configuration, _ group: EventLoopGroup
    ) async -> ServiceRunner.Outcome {
        let logger = Logger(service: name, level: settings.logLevel)
        let context: ServiceContext
        let composition: ServiceComposition
        do {
            context = try ServiceContext(
                settings: settings, configuration: configuration, group: group, logger: logger)
            logStart(context)
            composition = try await compose(context)
        } catch { return .startFailed("\(error)") }

        return await composition.run(
            in: context, stopRequests: Self.signals(on: group.next()),
            onImpatience: {
                logger.warning("\(name) was told twice to stop: what runs is cut off")
                end(.failure)
            })
    }

    private func logStart(_ context: ServiceContext) {
        let logger = context.logger
        for warning in context.configuration.warnings { logger.debug(warning) }
        logger.info(
            "\(name) starts",
            [
                "loops": .int(Int64(context.settings.loops)), "eventLog": .string(context.settings.eventLog.rawValue),
                "process": .int(Int64(ProcessInfo.processInfo.processIdentifier)),
            ])
    }

    private static func signals(on loop: EventLoop) -> ServiceRunner.StopRequests {
        let (requests, continuation) = AsyncStream.makeStream(of: Void.self)
        let signals = SignalStream(on: loop).makeAsyncIterator()
        Task(executorPreference: loop) {
            var signals = signals
            while await signals.next() != nil { continuation.yield() }
        }
        return requests
    }

    private static func commonExamples(_ name: String) -> [(command: String, meaning: String)] {
        [
            (
                command: "GUANXI_SECRET=… \(name) --database-url postgresql://guanxi@127.0.0.1/postgres",
                meaning: "Runs with the embedded event log."
            ),
            (
                command: "\(name) --config-file /etc/guanxi.conf --event-log kafka --log-level debug",
                meaning: "Runs with Kafka; addresses and secrets come from the file."
            ),
        ]
    }
}

/// Ends the process once the log is written. `_exit`, because destructors of C++ libraries must not run beside loops
/// that still turn.
private func end(_ code: ExitCode) -> Never {
    LogSink.standardOutput.flush()
    _exit(code.rawValue)
}
