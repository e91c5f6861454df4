import HTTP
import Runtime
import Security

/// What a service is composed from.
public struct ServiceContext: Sendable {
    public let settings: ServiceSettings
    public let configuration: Configuration
    public let group: EventLoopGroup
    public let logger: Logger
    public let metrics: MetricsRegistry
    public let health: Health
    /// Request metrics, access log and traces, shared by the servers of the process.
    public let telemetry: HTTPTelemetry
    /// For requests to our own services.
    public let client: HTTPClient
    /// Signs tokens in this service's own name. Its keys are published at the internal port.
    public let minter: IdentityMinter

    /// Makes what a service is composed from; ``ServiceProgram`` does so for executables.
    public init(
        settings: ServiceSettings, configuration: Configuration, group: EventLoopGroup, logger: Logger
    ) throws(SecurityError) {
        (self.settings, self.configuration, self.group, self.logger) = (settings, configuration, group, logger)
        metrics = MetricsRegistry()
        metrics.provideProcessMetrics(group: group)
        health = Health()
        telemetry = HTTPTelemetry(logger: logger, metrics: metrics, logsAllRequests: settings.accessLog)
        client = HTTPClient(group: group)
        minter = IdentityMinter(issuer: settings.name, key: try .generate())
    }

    /// The proof of callers: users through the gateway, and the services named on their own. Without the gateway's
    /// keys the service is not ready.
    public func identity(alsoFrom services: [String] = []) -> IdentityMiddleware {
        let gateway = RemoteKeySet(internalURL: settings.gatewayInternalURL, client: client)
        health.add("identity") { try await gateway.check() }
        var issuers = ["gateway": gateway]
        for service in services {
            issuers[service] = RemoteKeySet(internalURL: internalURL(of: service), client: client)
        }
        return IdentityMiddleware(issuers: issuers)
    }

    /// A client of another service's internal port, which signs in this service's name.
    public func internalClient(_ service: String) -> ServiceClient {
        ServiceClient(baseURL: internalURL(of: service), client: client, minter: minter)
    }

    private func internalURL(of service: String) -> String {
        guard let url = settings.internalURLs[service] else { preconditionFailure("no service is named \(service)") }
        return url
    }

    /// Descriptors for all else than clients' connections: databases, other services, the event log.
    private static let reserved = 512

    /// The component that serves a router's endpoints where the service listens.
    public func server(_ handler: @escaping HTTPHandler, options: HTTPServerOptions = .init()) -> ServerComponent {
        var options = options
        // What the engine refuses looks like every other problem.
        options.refusal = Problem.refusal
        // A socket too many would be one too few for the database.
        options.maximumConnections = min(options.maximumConnections, max(64, Descriptors.raiseLimit() - Self.reserved))
        return ServerComponent(
            "server", listen: settings.listen, group: group, options: options, handler: telemetry.traced(handler))
    }
}

/// An HTTP server with the life of a component.
public struct ServerComponent: Component {
    public let name: String
    private let server: HTTPServer
    private let host: String

    public init(
        _ name: String, listen: HostAndPort, group: EventLoopGroup, options: HTTPServerOptions = .init(),
        handler: @escaping HTTPHandler
    ) {
        self.name = name
        host = listen.host
        server = HTTPServer(
            group: group, address: ListenAddress(host: listen.host, port: listen.port), options: options,
            handler: handler)
    }

    /// Where the server listens, with the real port once it has started.
    public var address: HostAndPort { HostAndPort(host: host, port: server.boundPort) }

    public func start() async throws { try await server.start() }

    public func stop(before deadline: Deadline) async { await server.drain(deadline: deadline) }
}
