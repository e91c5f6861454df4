import HTTP
import JSON
import Runtime
import Synchronization
import Testing

/// A client, a proxy made of a mount, and a service, each over real sockets.
@Suite struct ProxyTests {
    private static let service = [
        Endpoint(
            .get, "/v1/leads/{id}", id: "getLead", summary: "Reads.", permission: .everyone,
            responses: [ResponseSpec(200, "The lead.")]
        ) { .json([.string($0.path.string("id")), .string($0.requestID)], headers: ["X-Long": "1"]) },
        Endpoint(
            .post, "/v1/leads/echo", id: "echo", summary: "Echoes.", permission: .everyone,
            body: .stream(["text/csv"], limit: .max, description: "Anything."),
            responses: [ResponseSpec(200, "The same.")]
        ) { HTTPResponse(.ok, body: $0.request.body) },
    ]

    private static func server(_ group: EventLoopGroup, _ router: Router) async throws -> HTTPServer {
        let server = HTTPServer(group: group, address: ListenAddress(port: 0), handler: router.handler)
        try await server.start()
        return server
    }

    private func withProxy(_ body: (_ client: HTTPClient, _ url: String) async throws -> Void) async throws {
        let events = RouterEvents(unexpected: { error, _, _ in Issue.record("unexpected \(error)") })
        let group = EventLoopGroup(count: 2)
        let client = HTTPClient(group: group)
        let service = try await Self.server(group, Router(Self.service, events: events))
        let mounts = [("/v1/leads", service.boundPort), ("/v1/orders", 1)].map { prefix, port in
            Mount(prefix, id: prefix, permission: .everyone) { call in
                try await client.forward(call.request, Forwarding(base: "http://127.0.0.1:\(port)"))
            }
        }
        let proxy = try await Self.server(group, Router([], mounts: mounts, events: events))
        let result: Result<Void, any Error>
        do { result = .success(try await body(client, "http://127.0.0.1:\(proxy.boundPort)")) } catch {
            result = .failure(error)
        }
        await proxy.drain(deadline: .after(.seconds(1)))
        await client.shutdown()
        await service.drain(deadline: .after(.seconds(1)))
        await group.shutdown()
        try result.get()
    }

    @Test func answersAndProblemsComeThrough() async throws {
        try await withProxy { client, url in
            let answer = try await client.send(
                ClientRequest(.get, url + "/v1/leads/a%2Fb", headers: ["X-Request-Id": "request-5"]))
            #expect(try JSON.parse(await answer.bytes(upTo: 99)) == ["a/b", "request-5"])
            #expect(answer.headers.values("X-Request-Id") == ["request-5"])
            #expect(answer.headers.values("Date").count == 1)
            let head = try await client.send(ClientRequest(.head, url + "/v1/leads/a", headers: ["X-Request-Id": "r"]))
            #expect(head.headers["Content-Length"] == "9")
            #expect(try await head.bytes(upTo: 0) == [])
            let absent = try await client.send(ClientRequest(.get, url + "/v1/leads/a/b/c"))
            #expect(absent.status == 404)
            let down = try await client.send(ClientRequest(.get, url + "/v1/orders"))
            #expect(down.status == 503)
            #expect(down.headers["Retry-After"] == "1")
        }
    }

    @Test(arguments: [true, false]) func bodiesStreamBothWays(isLengthKnown: Bool) async throws {
        let blocks = 300
        try await withProxy { client, url in
            let sent = Mutex(0)
            let body = HTTPBody.stream(length: isLengthKnown ? blocks * 65_536 : nil) {
                sent.withLock { sent in
                    sent += 1
                    return sent <= blocks ? [UInt8](repeating: UInt8(sent % 251), count: 65_536) : nil
                }
            }
            let answer = try await client.send(
                ClientRequest(.post, url + "/v1/leads/echo", headers: ["Content-Type": "text/csv"], body: body))
            #expect(answer.status == 200)
            // The answer's head is here, and most of the request is still to be sent: nothing holds it in whole.
            #expect(sent.withLock { $0 } < blocks)
            var read = 0
            for try await chunk in answer.body {
                #expect(chunk.first == UInt8((read / 65_536 + 1) % 251))
                read += chunk.count
            }
            #expect(read == blocks * 65_536)
        }
    }
}
