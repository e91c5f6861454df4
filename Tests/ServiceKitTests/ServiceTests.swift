import HTTP
import JSON
import Runtime
import Security
import ServiceKit
import Synchronization
import Testing
import Values

/// Whole services over real sockets: a gateway that only publishes keys, and one that answers who called it.
@Suite struct ServiceTests {
    func context(_ name: String, gateway: HostAndPort? = nil, listen: String = "127.0.0.1:0") throws -> ServiceContext {
        let arguments = [
            "--listen", listen, "--internal-listen", "127.0.0.1:0", "--loops", "1", "--log-level", "error",
            "--database-url", "postgresql://nobody@127.0.0.1/none", "--secret", String(repeating: "s", count: 32),
            "--gateway-internal-url", "http://\(gateway?.description ?? "127.0.0.1:1")", "--drain-deadline", "2s",
        ]
        let configuration = try Configuration(
            keys: ServiceSettings.keys(for: name), arguments: arguments, environment: [:])
        let settings = try ServiceSettings(name: name, configuration: configuration)
        return try ServiceContext(
            settings: settings, configuration: configuration, group: EventLoopGroup(count: 1),
            logger: Logger(service: name, level: settings.logLevel))
    }

    /// A service that tells its caller who he is.
    func mirror(_ context: ServiceContext) throws -> ServiceComposition {
        let endpoint = Endpoint(
            .get, "/v1/me", id: "whoAmI", summary: "Who calls.", permission: "leads.read",
            responses: [ResponseSpec(200, "The caller.")]
        ) { call in
            let caller = try call.caller
            return .json([
                "subject": .string(caller.subject), "tenant": .string(try call.tenant.text),
                "trace": .string(TraceContext.current?.traceIDText ?? ""),
                "scope": .string(RequestScope.current?.tenant?.text ?? ""),
            ])
        }
        let router = try Router([endpoint], middleware: [context.identity()], events: context.telemetry.events)
        return ServiceComposition(components: [context.server(router.handler)])
    }

    /// Runs a service while `work` runs.
    func running(
        _ composition: ServiceComposition, _ context: ServiceContext,
        _ work: @escaping @Sendable (ServiceComposition.Addresses) async throws -> Void
    ) async throws {
        let (requests, continuation) = AsyncStream.makeStream(of: Void.self)
        let failure = Mutex<(any Error)?>(nil)
        let outcome = await composition.run(
            in: context, stopRequests: requests,
            onReady: { addresses in
                do { try await work(addresses) } catch { failure.withLock { $0 = error } }
                continuation.yield()
            })
        await context.client.shutdown()
        await context.group.shutdown()
        if let error = failure.withLock({ $0 }) { throw error }
        #expect(outcome == .stopped)
    }

    @Test func identityTraceHealthAndMetricsWorkOverSockets() async throws {
        let gateway = try context("gateway")
        try await running(ServiceComposition(components: []), gateway) { gatewayAddresses in
            let leads = try context("leads", gateway: gatewayAddresses.internal)
            try await running(mirror(leads), leads) { addresses in
                let address = try #require(addresses.server)
                let caller = ServiceClient(baseURL: "http://\(address)", client: leads.client, minter: gateway.minter)
                let tenant = TenantID.make()
                let sales = Principal(
                    tenant: tenant, subject: UUIDv7.make().lowercased, kind: .user, role: "sales",
                    permissions: ["leads.read"], visibility: .own)
                let trace = TraceContext()
                try await RequestScope.run(traceparent: trace.traceparent) {
                    let answer = try await caller.send(.get, "/v1/me", as: sales)
                    #expect(answer.status == .ok)
                    #expect(answer.json["subject"] == .string(sales.subject))
                    #expect(answer.json["tenant"] == tenant.json && answer.json["scope"] == tenant.json)
                    #expect(answer.json["trace"] == .string(trace.traceIDText))
                }
                // Without a token, with one that nobody can verify, and without the permission.
                let bare = try await leads.client.send(ClientRequest(.get, "http://\(address)/v1/me"))
                #expect(bare.status == .unauthorized)
                let forger = ServiceClient(
                    baseURL: "http://\(address)", client: leads.client,
                    minter: IdentityMinter(issuer: "gateway", key: try .generate()))
                #expect(try await forger.send(.get, "/v1/me", as: sales).status == .unauthorized)
                let nobody = Principal(
                    tenant: tenant, subject: "x", kind: .user, role: "sales", permissions: [], visibility: .own)
                #expect(try await caller.send(.get, "/v1/me", as: nobody).status == .forbidden)

                func read(_ path: String) async throws -> (status: HTTPStatus, text: String) {
                    let answer = try await leads.client.send(ClientRequest(.get, "http://\(addresses.internal)\(path)"))
                    return (answer.status, String(decoding: try await answer.bytes(upTo: 1 << 20), as: UTF8.self))
                }
                #expect(try await read("/health/live").status == .ok)
                #expect(try await read("/health/ready").status == .ok)
                leads.health.add("database") { throw KeyFailure() }
                let ready = try await read("/health/ready")
                #expect(ready.status == .serviceUnavailable && ready.text.contains("\"missing\":[\"database\"]"))
                let metrics = try await read("/metrics").text
                #expect(metrics.contains("guanxi_http_requests_total{operation=\"whoAmI\",status=\"2xx\"} 1\n"))
                #expect(
                    metrics.contains("\nprocess_resident_memory_bytes ") && metrics.contains("guanxi_loop_turns_total{")
                )
                #expect(try await read("/.well-known/jwks.json").text.contains("\"crv\":\"P-256\""))
                #expect(try await read("/elsewhere").status == .notFound)
            }
        }
    }

    struct KeyFailure: Error {}

    @Test func aTakenPortStopsTheStartWithASentence() async throws {
        let first = try context("leads")
        try await running(mirror(first), first) { addresses in
            let taken = try #require(addresses.server)
            let second = try context("leads", listen: taken.description)
            let outcome = try await mirror(second).run(in: second, stopRequests: AsyncStream { _ in })
            guard case .startFailed(let sentence) = outcome else {
                Issue.record("started on a taken port: \(outcome)")
                return
            }
            #expect(sentence.hasPrefix("server did not start: ") && sentence.contains("\(taken.port)"))
            await second.client.shutdown()
            await second.group.shutdown()
        }
    }
}
