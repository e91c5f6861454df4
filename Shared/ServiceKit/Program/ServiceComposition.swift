import HTTP
import JSON
import Security

/// The parts of a service, put together.
public struct ServiceComposition: Sendable {
    /// Where a running service listens.
    public struct Addresses: Sendable {
        /// Nil for a service without a server of its own.
        public let server: HostAndPort?
        /// Where health, metrics and internal routes are.
        public let `internal`: HostAndPort
    }

    /// In the order of their start.
    public let components: [any Component]
    /// Answers the internal port beside health and metrics.
    public let internalRoutes: HTTPHandler?
    /// The keys published at the internal port, asked for each answer; the service's own if nil.
    public let keys: (@Sendable () async -> KeySet)?

    public init(
        components: [any Component], internalRoutes: HTTPHandler? = nil, keys: (@Sendable () async -> KeySet)? = nil
    ) {
        (self.components, self.internalRoutes, self.keys) = (components, internalRoutes, keys)
    }

    /// Runs the service until it is told to stop or a part of it fails. The internal port opens first and closes
    /// last, so that health can be asked for at any time.
    public func run(
        in context: ServiceContext, stopRequests: ServiceRunner.StopRequests,
        onReady: @escaping @Sendable (Addresses) async -> Void = { _ in },
        onImpatience: @escaping @Sendable () -> Void = {}
    ) async -> ServiceRunner.Outcome {
        let (name, logger) = (context.settings.name, context.logger)
        let routes = InternalRoutes(
            health: context.health, metrics: context.metrics, keys: keys ?? { context.minter.keys },
            others: internalRoutes)
        let internalServer = ServerComponent(
            "internal server", listen: context.settings.internalListen, group: context.group,
            handler: context.telemetry.traced(routes.respond))
        let runner = ServiceRunner(
            components: [internalServer] + components, group: context.group, logger: logger,
            drainDeadline: context.settings.drainDeadline)
        return await runner.run(
            stopRequests: stopRequests,
            onReady: {
                context.health.phase = .running
                let server = components.lazy.compactMap { $0 as? ServerComponent }.first
                let addresses = Addresses(server: server?.address, internal: internalServer.address)
                logger.info(
                    "\(name) ready on \(addresses.server ?? addresses.internal)",
                    ["internal": .string(addresses.internal.description)])
                await onReady(addresses)
            },
            onDraining: {
                context.health.phase = .draining
                logger.info("\(name) is stopping")
            }, onImpatience: onImpatience)
    }
}
