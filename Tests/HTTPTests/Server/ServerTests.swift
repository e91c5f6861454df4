import Foundation
import HTTP
import Runtime
import Synchronization
import Testing

private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/// A stream of facts from handlers to their test.
private struct Facts<Fact: Sendable>: Sendable {
    private let stream: AsyncStream<Fact>
    let tell: AsyncStream<Fact>.Continuation

    init(of: Fact.Type = Fact.self) { (stream, tell) = AsyncStream.makeStream() }

    func next() async -> Fact? {
        for await fact in stream { return fact }
        return nil
    }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct ServerTests {
    @Test func answersOnTheLoopAndKeepsTheConnection() async throws {
        try await serving(
            { request in
                let loop = EventLoop.current
                async let child = EventLoop.current === loop
                let stays = await child && loop != nil
                try? await Task.sleep(for: .milliseconds(1))
                let body = try? await request.body.collect(upTo: 100)
                let text = "\(stays && EventLoop.current === loop) \(request.remoteAddress) \(body?.count ?? -1)"
                return HTTPResponse(.ok, headers: ["X-Request-Id": request.id], body: .text(text))
            }, loops: 2
        ).run { server in
            let client = try RawClient(port: server.boundPort)
            for _ in 0..<3 {
                try await client.send(
                    "POST / HTTP/1.1\r\nHost: a\r\nX-Request-Id: abc-1\r\nContent-Length: 2\r\n\r\nhi")
                let answer = try await client.receive(until: "127.0.0.1 2")
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nDate: "))
                #expect(answer.hasSuffix("Content-Length: 16\r\n\r\ntrue 127.0.0.1 2"))
                #expect(answer.contains("X-Request-Id: abc-1\r\n"))
            }
        }
    }

    @Test func halfClosedClientsGetTheirAnswer() async throws {
        let release = Facts<Void>()
        try await serving({ _ in
            await release.next()
            // The end of the client's side is there; the loop looks at its sockets before this timer.
            try? await Task.sleep(for: .milliseconds(30))
            return HTTPResponse(.ok, body: .text(Task.isCancelled ? "cancelled" : "done"))
        }).run { server in
            let client = try RawClient(port: server.boundPort)
            try await client.send(get)
            client.halfClose()
            release.tell.yield()
            let answer = try await client.receiveAll()
            #expect(answer.hasSuffix("done"))
            #expect(answer.contains("Connection: close"))
        }
    }

    @Test(arguments: ["waiting", "flooded", "half-closed"])
    func aResetCancelsTheHandler(_ state: String) async throws {
        let facts = Facts<String>()
        try await serving({ _ in
            facts.tell.yield("started")
            do { try await Task.sleep(for: .seconds(600)) } catch { facts.tell.yield("cancelled") }
            return HTTPResponse(.ok)
        }).run { server in
            let client = try RawClient(port: server.boundPort)
            try await client.send(get)
            #expect(await facts.next() == "started")
            switch state {
            case "flooded": try await client.send(String(repeating: get, count: 4000))
            case "half-closed": client.halfClose()
            default: break
            }
            client.reset()
            #expect(await facts.next() == "cancelled")
        }
    }

    @Test func pipelinedAnswersKeepTheOrder() async throws {
        try await serving({ request in
            // The first take longest.
            try? await Task.sleep(for: .milliseconds(request.path == "/0" ? 20 : 1))
            return HTTPResponse(.ok, body: .text("<\(request.path)>"))
        }).run { server in
            let client = try RawClient(port: server.boundPort)
            let requests = (0..<50).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
            try await client.send(requests.joined())
            let answer = try await client.receive(until: "</49>")
            let order = answer.split(separator: "<").dropFirst().compactMap { $0.split(separator: ">").first }
            #expect(order.map(String.init) == (0..<50).map { "/\($0)" })
        }
    }

    @Test func slowHeadsEnd() async throws {
        var options = HTTPServerOptions()
        options.headTimeout = .milliseconds(200)
        try await serving({ _ in HTTPResponse(.ok) }, options: options).run { server in
            let client = try RawClient(port: server.boundPort)
            try await client.send("GET / HTTP/1.1\r\nHo")
            #expect(try await client.receiveAll().hasPrefix("HTTP/1.1 408 "))
        }
    }

    /// The loop looks at its clock before it reads what came while it stood still.
    @Test func aLoopThatStoodStillHoldsItAgainstNobody() async throws {
        var options = HTTPServerOptions()
        (options.headTimeout, options.keepAliveTimeout) = (.milliseconds(300), .milliseconds(300))
        let stands = Facts<Void>()
        try await serving(
            { request in
                if request.path == "/stand" {
                    stands.tell.yield()
                    usleep(1_000_000)
                }
                return HTTPResponse(.ok, body: .text("done"))
            }, options: options
        ).run { server in
            let other = try RawClient(port: server.boundPort)
            try await other.send("GET /stand HTTP/1.1\r\nHost: a\r\n\r\n")
            let client = try RawClient(port: server.boundPort)
            try await client.send(get)
            _ = await stands.next()
            #expect(try await client.receive(until: "done").hasPrefix("HTTP/1.1 200 "))
            try await other.send("GET /stand HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = await stands.next()
            try await client.send(get)
            #expect(try await client.receive(until: "done").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func slowBodiesEnd() async throws {
        var options = HTTPServerOptions()
        options.rateWindow = .milliseconds(200)
        let facts = Facts<String>()
        try await serving(
            { request in
                do {
                    _ = try await request.body.collect(upTo: 1000)
                } catch { facts.tell.yield("\(error)") }
                return HTTPResponse(.ok)
            }, options: options
        ).run { server in
            let client = try RawClient(port: server.boundPort)
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
            #expect(await facts.next() == "interrupted")
        }
    }

    @Test func idleConnectionsEndWithoutAWord() async throws {
        var options = HTTPServerOptions()
        options.keepAliveTimeout = .milliseconds(200)
        try await serving({ _ in HTTPResponse(.ok) }, options: options).run { server in
            let client = try RawClient(port: server.boundPort)
            try await client.send(get)
            // The answer, and then the end: no 408 between requests.
            let all = try await client.receiveAll()
            #expect(all.hasPrefix("HTTP/1.1 200") && !all.contains("408"))
        }
    }

    @Test func aRefusedUploadGetsItsAnswerWithoutContinue() async throws {
        try await serving({ request in
            do {
                return HTTPResponse(.ok, body: .bytes(try await request.body.collect(upTo: 10)))
            } catch { return HTTPResponse(.contentTooLarge) }
        }).run { server in
            let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
            let refused = try RawClient(port: server.boundPort)
            try await refused.send(head + "Content-Length: 5000000\r\n\r\n")
            #expect(try await refused.receiveAll().hasPrefix("HTTP/1.1 413 "))
            let accepted = try RawClient(port: server.boundPort)
            try await accepted.send(head + "Content-Length: 5\r\n\r\n")
            #expect(try await accepted.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await accepted.send("hello")
            #expect(try await accepted.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
            // Somebody who sends without waiting reads the refusal too, not a reset.
            let eager = try RawClient(port: server.boundPort)
            try? await eager.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n")
            try? await eager.send([UInt8](repeating: 120, count: 300_000))
            #expect(try await eager.receiveAll().hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test func refusalsAreProblemsAndCloseTheConnection() async throws {
        try await serving({ _ in HTTPResponse(.ok) }).run { server in
            let client = try RawClient(port: server.boundPort)
            try await client.send("GET / HTTP/1.1\nHost: a\n\n" + get)
            let answer = try await client.receiveAll()
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(answer.contains("Content-Type: application/problem+json") && answer.contains("\"status\":400"))
            #expect(answer.split(separator: "HTTP/1.1 ").count == 1)
        }
    }

    @Test func connectionsAreBoundedAndIdleOnesMakeRoom() async throws {
        var options = HTTPServerOptions()
        options.maximumConnectionsPerAddress = 2
        let (started, release) = (Facts<Void>(), Facts<Void>())
        try await serving(
            { _ in
                started.tell.yield()
                await release.next()
                return HTTPResponse(.ok)
            }, options: options
        ).run { server in
            func busy() async throws -> RawClient {
                let client = try RawClient(port: server.boundPort)
                try await client.send(get)
                await started.next()
                return client
            }
            let (first, second) = (try await busy(), try await busy())
            // Somebody works for both: there is no room.
            let third = try RawClient(port: server.boundPort)
            #expect(try await third.receiveAll().hasPrefix("HTTP/1.1 503 "))
            release.tell.yield()
            release.tell.yield()
            for client in [first, second] { _ = try await client.receive(until: "\r\n\r\n") }
            // Both have their answer and say nothing: one of them goes.
            let fourth = try await busy()
            release.tell.yield()
            #expect(try await fourth.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
            #expect(server.connectionCount == 2)
        }
    }

    @Test func drainLetsRequestsEnd() async throws {
        let (started, release) = (Facts<Void>(), Facts<Void>())
        try await serving({ _ in
            started.tell.yield()
            await release.next()
            return HTTPResponse(.ok, body: .text("finished"))
        }).run { server in
            let busy = try RawClient(port: server.boundPort)
            try await busy.send(get)
            await started.next()
            async let drained: Void = server.drain(deadline: .after(.seconds(600)))
            // Accepting has stopped when connecting fails.
            while (try? RawClient(port: server.boundPort)) != nil { await Task.yield() }
            release.tell.yield()
            let answer = try await busy.receiveAll()
            #expect(answer.hasSuffix("finished") && answer.contains("Connection: close"))
            await drained
            #expect(server.connectionCount == 0)
        }
    }

    @Test func drainCutsOffWhatDoesNotEnd() async throws {
        let started = Facts<Void>()
        try await serving({ _ in
            started.tell.yield()
            try? await Task.sleep(for: .seconds(600))
            return HTTPResponse(.ok)
        }).run { server in
            let stuck = try RawClient(port: server.boundPort)
            try await stuck.send(get)
            await started.next()
            await server.drain(deadline: .after(.milliseconds(50)))
            #expect(server.connectionCount == 0)
            await #expect(throws: RawClient.ClientGone.self) { try await stuck.receive() }
        }
    }

    @Test func aTakenPortStopsTheStartWithAReason() async throws {
        try await serving({ _ in HTTPResponse(.ok) }).run { server in
            let second = HTTPServer(
                group: server.group, address: ListenAddress(port: server.boundPort), handler: { _ in HTTPResponse(.ok) }
            )
            let error = await #expect(throws: HTTPServerError.self) { try await second.start() }
            #expect(error?.description.contains("is taken") == true)
        }
    }

    @Test func aStreamThatBreaksItsPromiseIsNoWholeAnswer() async throws {
        try await serving({ request in
            let length: Int? = request.path == "/chunked" ? nil : 10
            let step = Step()
            return HTTPResponse(
                .ok,
                body: .stream(length: length) {
                    if step.next() == 1 { return Array("part".utf8) }
                    if length == nil { throw HTTPBodyError.interrupted }
                    return nil
                })
        }).run { server in
            for path in ["/length", "/chunked"] {
                let client = try RawClient(port: server.boundPort)
                try await client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                await #expect(throws: RawClient.ClientGone.self) { try await client.receiveAll() }
            }
        }
    }
}

/// Counts calls.
final class Step: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
    var value: Int { count.load(ordering: .relaxed) }
}

/// Said by `Tests/sanitizers.sh`.
private let isSanitized = ProcessInfo.processInfo.environment["GUANXI_SANITIZER"] != nil

@Suite(.serialized, .timeLimit(.minutes(3))) struct StreamingTests {
    /// In a process of its own: what other tests hold does not count.
    @Test(.disabled(if: isSanitized, "a sanitizer keeps what was freed: memory grows by what was sent"))
    func largeBodiesPassBothWaysWithFlatMemory() async throws {
        await #expect(processExitsWith: .success) {
            let size = 200 << 20
            try await serving({ request in HTTPResponse(.ok, body: request.body) }).run { server in
                let client = try RawClient(port: server.boundPort)
                try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                let before = residentBytes()
                let sending = Task {
                    let block = (0..<(1 << 16)).map { UInt8(truncatingIfNeeded: $0) }
                    for _ in 0..<(size >> 16) { try await client.send(block) }
                }
                var head = [UInt8]()
                while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) { head += try await client.receive(upTo: 1) }
                var received = 0
                var most = 0
                while case let bytes = try await client.receive(upTo: 1 << 18), !bytes.isEmpty {
                    // The n-th byte of the body is n modulo 256.
                    #expect(bytes[0] == UInt8(truncatingIfNeeded: received))
                    received += bytes.count
                    most = max(most, residentBytes())
                }
                try await sending.value
                #expect(received == size)
                #expect(most - before < 40 << 20, "grew by \((most - before) >> 20) MB")
            }
        }
    }

    /// A cancellation is told to the loop, and comes when the next one reads already.
    @Test func aReaderThatWasCancelledTakesNobodyWithIt() async throws {
        let reads = Facts<Void>()
        try await serving({ request in
            guard case .stream(_, let next) = request.body.content, let loop = EventLoop.current else {
                return HTTPResponse(.badRequest)
            }
            let reader = Task(executorPreference: loop) {
                while !Task.isCancelled { await Task.yield() }
                await #expect(throws: CancellationError.self) { _ = try await next() }
                return await Task.immediate(executorPreference: loop) {
                    let chunk = try? await next()
                    return chunk?.count ?? -1
                }.value
            }
            reader.cancel()
            loop.execute { loop.execute { reads.tell.yield() } }
            return HTTPResponse(.ok, body: .text("\(await reader.value > 0)"))
        }).run { server in
            let client = try RawClient(port: server.boundPort)
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n")
            await reads.next()
            try await client.send([UInt8](repeating: 1, count: 1 << 20))
            #expect(try await client.receive(until: "e").hasSuffix("true"))
        }
    }

    @Test func aHandlerThatDoesNotReadStopsTheSender() async throws {
        let size = 1 << 25
        let facts = Facts<Void>()
        try await serving({ request in
            await facts.next()
            let body = try? await request.body.collect(upTo: size)
            return HTTPResponse(.ok, body: .text("\(body?.count ?? -1)"))
        }).run { server in
            let client = try RawClient(port: server.boundPort)
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
            let sent = Step()
            let sending = Task {
                let block = [UInt8](repeating: 1, count: 1 << 16)
                for _ in 0..<(size >> 16) {
                    try await client.send(block)
                    _ = sent.next()
                }
            }
            // The sender gets rid of what the sockets and the server's buffer take, and then stands still.
            var last = -1
            while sent.value != last || last == 0 {
                last = sent.value
                try await Task.sleep(for: .milliseconds(200))
            }
            #expect(sent.value << 16 < size / 2)
            facts.tell.yield()
            try await sending.value
            #expect(try await client.receive(until: "\(size)").hasSuffix("\(size)"))
        }
    }
}
