import HTTP
import Runtime
import Synchronization
import Testing

/// Runs `body` with a client on a loop of its own, and shuts both down.
func withClient(
    _ change: (inout HTTPClient.Options) -> Void = { _ in }, _ body: (HTTPClient) async throws -> Void
) async throws {
    let group = EventLoopGroup(count: 1)
    var options = HTTPClient.Options()
    change(&options)
    let client = HTTPClient(group: group, options: options)
    let result: Result<Void, any Error>
    do { result = .success(try await body(client)) } catch { result = .failure(error) }
    await client.shutdown()
    await group.shutdown()
    try result.get()
}

/// Collects what happened on the server's threads.
final class Log: Sendable {
    private let entries = Mutex<[String]>([])
    func add(_ entry: String) { entries.withLock { $0.append(entry) } }
    var all: [String] { entries.withLock { $0 } }
}

/// Waits until `condition` holds.
func eventually(_ condition: () -> Bool) async throws {
    let deadline = Deadline.after(.seconds(10))
    while !condition() {
        try #require(!deadline.isPassed, "did not happen within 10 s")
        try await Task.sleep(for: .milliseconds(2))
    }
}

@Suite struct HTTPClientTests {
    @Test func answersComeWithHeadAndBodyOverOneConnection() async throws {
        let log = Log()
        let server = try ScriptedServer { connection in
            while let request = connection.request() {
                log.add(request)
                connection.answer("hello", headers: "X-Two: a\r\nx-two:  b \r\n")
            }
        }
        try await withClient { client in
            for _ in 0..<3 {
                let answer = try await client.send(ClientRequest(.get, server.url + "/a/../b?c=%20d"))
                #expect(answer.status == 200)
                #expect(answer.headers.values("X-Two") == ["a", "b"])
                #expect(try await answer.bytes(upTo: 5) == Array("hello".utf8))
            }
            _ = try await client.send(
                ClientRequest(
                    .put, server.url, headers: ["X-Empty": "", "Expect": "100-continue"], body: .text("body")))
            let claim = try await client.send(ClientRequest(.post, server.url + "/claim"))
            #expect(claim.status == 200)
        }
        #expect(log.all[0].hasPrefix("GET /a/../b?c=%20d HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"))
        #expect(log.all[3].contains("Content-Length: 4\r\n") && log.all[3].hasSuffix("\r\n\r\nbody"))
        #expect(log.all[3].contains("X-Empty:\r\n") && !log.all[3].contains("Expect"))
        #expect(log.all[4].contains("Content-Length: 0\r\n"))
        // Everything on the first connection, but for the POST without a body: see `aRequestWithEffectsIsSentOnce`.
        #expect(server.accepted.load(ordering: .relaxed) == 2)
    }

    @Test func manyRequestsShareABoundedPool() async throws {
        let server = try ScriptedServer { connection in
            while connection.request() != nil { connection.answer("x") }
        }
        try await withClient {
            $0.connectionsPerHost = 4
        } _: { client in
            await withTaskGroup(of: Int.self) { tasks in
                for _ in 0..<200 {
                    tasks.addTask {
                        (try? await client.send(ClientRequest(.get, server.url)).bytes(upTo: 1).count) ?? 0
                    }
                }
                #expect(await tasks.reduce(0, +) == 200)
            }
        }
        #expect((1...4).contains(server.accepted.load(ordering: .relaxed)))
    }

    /// Also while nothing else happens: the one connection is busy and says nothing.
    @Test func aRequestThatWaitsForAConnectionHasADeadline() async throws {
        let server = try ScriptedServer { connection in
            while connection.request() != nil {}
        }
        try await withClient {
            $0.connectionsPerHost = 1
        } _: { client in
            let first = Task { try await client.send(ClientRequest(.get, server.url)) }
            while server.accepted.load(ordering: .relaxed) == 0 { await Task.yield() }
            await #expect(throws: DeadlineExceeded.self) {
                try await client.send(ClientRequest(.get, server.url, deadline: .after(.milliseconds(30))))
            }
            first.cancel()
            await #expect(throws: CancellationError.self) { try await first.value }
        }
    }

    @Test func aStreamIsSentInChunksAndAsFastAsItIsTaken() async throws {
        let received = Atomic<Int>(0)
        let server = try ScriptedServer { connection in
            var tail = ""
            while !tail.hasSuffix("\r\n0\r\n\r\n"), let bytes = connection.read() {
                received.add(bytes.count, ordering: .relaxed)
                tail = String((tail + String(decoding: bytes.suffix(16), as: UTF8.self)).suffix(16))
            }
            connection.answer("done")
        }
        try await withClient { client in
            let left = Mutex(300)
            let body = HTTPBody.stream {
                await Task.yield()
                return left.withLock { left in
                    left -= 1
                    return left >= 0 ? [UInt8](repeating: 65, count: 10_000) : nil
                }
            }
            let answer = try await client.send(ClientRequest(.post, server.url, body: body))
            #expect(try await answer.bytes(upTo: 4) == Array("done".utf8))
        }
        #expect(received.load(ordering: .relaxed) > 3_000_000)
    }

    @Test func aFailingStreamEndsTheRequestWithItsError() async throws {
        struct Broken: Error {}
        let server = try ScriptedServer { connection in while connection.read() != nil {} }
        try await withClient { client in
            await #expect(throws: Broken.self) {
                try await client.send(ClientRequest(.post, server.url, body: .stream { throw Broken() }))
            }
        }
    }

    @Test func aSlowReaderHoldsTheServerBack() async throws {
        let total = 64 << 20
        let written = Atomic<Int>(0)
        let server = try ScriptedServer { connection in
            guard let request = connection.request() else { return }
            if request.hasPrefix("GET /ping") {
                connection.answer("pong")
                return
            }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            let block = [UInt8](repeating: 66, count: 1 << 16)
            while written.load(ordering: .relaxed) < total, connection.write(block) {
                written.add(block.count, ordering: .relaxed)
            }
        }
        try await withClient { client in
            let answer = try await client.send(ClientRequest(.get, server.url))
            #expect(answer.body.length == total)
            for _ in 0..<100 { _ = try await client.send(ClientRequest(.get, server.url + "/ping")) }
            #expect(written.load(ordering: .relaxed) < total / 2)
            var read = 0
            for try await chunk in answer.body {
                #expect(chunk.count < 1 << 20)
                read += chunk.count
            }
            #expect(read == total)
        }
    }

    @Test func aDroppedOrTooLongBodyEndsTheTransfer() async throws {
        let ended = Log()
        let server = try ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while connection.write("5\r\nhello\r\n") {}
            ended.add("gone")
        }
        try await withClient { client in
            await #expect(throws: HTTPBodyError.tooLarge(limit: 100_000)) {
                try await client.send(ClientRequest(.get, server.url)).bytes(upTo: 100_000)
            }
            _ = try await client.send(ClientRequest(.get, server.url))
            try await eventually { ended.all.count == 2 }
        }
    }

    @Test func cancellingATaskClosesItsConnection() async throws {
        let log = Log()
        let server = try ScriptedServer { connection in
            _ = connection.request()
            log.add("asked")
            if connection.read() == nil { log.add("gone") }
        }
        try await withClient { client in
            let task = Task { try await client.send(ClientRequest(.get, server.url)) }
            try await eventually { log.all == ["asked"] }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await eventually { log.all == ["asked", "gone"] }
        }
    }

    @Test func deadlinesHold() async throws {
        let server = try ScriptedServer { connection in
            while connection.read() != nil {}
        }
        try await withClient { client in
            let start = ContinuousClock.now
            await #expect(throws: DeadlineExceeded.self) {
                try await client.send(ClientRequest(.get, server.url, deadline: .after(.milliseconds(100))))
            }
            // The server never answers: without the deadline there would be no end at all.
            #expect(start.duration(to: .now) >= .milliseconds(90))
        }
    }

    @Test func onlyIdempotentRequestsAreRetried() async throws {
        let attempts = Log()
        let server = try ScriptedServer { connection in
            guard let request = connection.request() else { return }
            attempts.add(String(request.prefix(4)))
            // Said, or the next request might go into a connection that is closed by then.
            if attempts.all.count.isMultiple(of: 2) { connection.answer("ok", headers: "Connection: close\r\n") }
        }
        try await withClient { client in
            let put = try await client.send(ClientRequest(.put, server.url, body: .text("x")))
            #expect(put.status == 200)
            #expect(attempts.all == ["PUT ", "PUT "])
            let error = await #expect(throws: HTTPClientError.self) {
                try await client.send(ClientRequest(.post, server.url, body: .text("x")))
            }
            #expect(error?.reason == .interrupted)
            #expect(attempts.all.count == 3)
        }
    }

    /// libcurl by itself repeats a request when a reused connection proves dead.
    @Test(arguments: ["", "body"]) func aRequestWithEffectsIsSentOnce(body: String) async throws {
        let posts = Log()
        let server = try ScriptedServer { connection in
            while let request = connection.request() {
                guard request.hasPrefix("POST") else {
                    connection.answer("ok")
                    continue
                }
                posts.add("POST")
                return
            }
        }
        try await withClient { client in
            _ = try await client.send(ClientRequest(.get, server.url))
            let error = await #expect(throws: HTTPClientError.self) {
                try await client.send(
                    ClientRequest(.post, server.url, body: body.isEmpty ? .none : .text(body)))
            }
            #expect(error?.reason == .interrupted)
            #expect(posts.all.count == 1)
        }
    }

    /// The answer to the second would be another one: 404 for what the first deleted.
    /// Nor does an `Idempotency-Key` change that: not everything that takes a POST knows it, such as sessions.
    @Test(arguments: [HTTPMethod.delete, .put, .post]) func whatIsForwardedWithEffectsIsSentOnce(method: HTTPMethod)
        async throws
    {
        let attempts = Log()
        let server = try ScriptedServer { connection in
            while let request = connection.request() {
                guard !request.hasPrefix("GET") else {
                    connection.answer("ok")
                    continue
                }
                attempts.add("sent")
                return
            }
        }
        try await withClient { client in
            let forwarding = Forwarding(base: server.url)
            // A connection to be used again.
            _ = try await client.forward(HTTPRequest(.get, "/"), forwarding)
            let error = await #expect(throws: HTTPClientError.self) {
                try await client.forward(
                    HTTPRequest(
                        method, "/", headers: ["Idempotency-Key": "k1"],
                        body: method == .delete ? .none : .text("x")), forwarding)
            }
            #expect(error?.reason == .interrupted)
            #expect(attempts.all == ["sent"])
        }
    }

    /// libcurl wants to send the body once more, cannot connect, and would remember it in the handle: the next body on it
    /// was refused before it was sent.
    @Test func aServerThatDiedSpoilsNoRequestToAnother() async throws {
        let dying = Mutex<ScriptedServer?>(nil)
        let first = try ScriptedServer { connection in
            while let request = connection.request() {
                guard request.hasSuffix("break") else {
                    connection.answer("ok")
                    continue
                }
                dying.withLock { $0?.stopListening() }
                return
            }
        }
        dying.withLock { $0 = first }
        let second = try ScriptedServer { connection in
            while connection.request() != nil { connection.answer("ok") }
        }
        try await withClient { client in
            func post(_ text: String, to server: ScriptedServer) async throws -> HTTPStatus {
                try await client.send(ClientRequest(.post, server.url, body: .text(text))).status
            }
            // Makes the connection that breaks under the next.
            _ = try await post("fine", to: first)
            await #expect(throws: HTTPClientError.self) { try await post("break", to: first) }
            let status = try await post("fine", to: second)
            #expect(status == .ok)
        }
    }

    @Test func brokenAnswersAreErrors() async throws {
        let answers = [
            "/nonsense": "SSH-2.0-OpenSSH\r\n\r\n", "/cut": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "/interim": "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        ]
        let server = try ScriptedServer { connection in
            guard let path = connection.request()?.split(separator: " ")[1] else { return }
            connection.write(answers[String(path)] ?? "")
        }
        try await withClient {
            $0.retries = 0
        } _: { client in
            let reason = { (path: String) in
                await #expect(throws: HTTPClientError.self) {
                    try await client.send(ClientRequest(.get, server.url + path)).bytes(upTo: 99)
                }?.reason
            }
            #expect(await reason("/nonsense") == .malformedAnswer)
            #expect(await reason("/cut") == .interrupted)
            let created = try await client.send(ClientRequest(.get, server.url + "/interim"))
            #expect(created.status == 201)
            #expect(!created.headers.contains("Link"))
        }
    }

    @Test func whatCannotBeSentIsRefused() async throws {
        try await withClient { client in
            let reason = { (request: ClientRequest) in
                await #expect(throws: HTTPClientError.self) { try await client.send(request) }?.reason
            }
            let url = "http://127.0.0.1:1/"
            #expect(await reason(ClientRequest(.get, url)) == .unreachable)
            #expect(await reason(ClientRequest(.get, "file:///etc/passwd")) == .invalidRequest)
            #expect(await reason(ClientRequest(.get, "http://")) == .invalidRequest)
            #expect(await reason(ClientRequest(.get, url, headers: ["A": "b\r\nC: d"])) == .invalidRequest)
            #expect(await reason(ClientRequest(.get, url, headers: ["A b": "c"])) == .invalidRequest)
            #expect(await reason(ClientRequest(.get, url, target: "/a b")) == .invalidRequest)
        }
    }

    @Test(arguments: [
        "127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "[64:ff9b::a00:1]", "[2002:7f00:1::]", "2130706433",
    ])
    func privateAddressesAreNotReached(host: String) async throws {
        try await withClient {
            $0.forbidsPrivateAddresses = true
        } _: { client in
            let error = await #expect(throws: HTTPClientError.self) {
                try await client.send(ClientRequest(.get, "http://\(host):9/"))
            }
            #expect(error?.reason == .forbiddenAddress)
        }
    }

    @Test func shutdownFailsWhatIsUnderWay() async throws {
        let log = Log()
        let server = try ScriptedServer { connection in
            _ = connection.request()
            log.add("asked")
            while connection.read() != nil {}
        }
        try await withClient { client in
            let task = Task { try await client.send(ClientRequest(.get, server.url)) }
            try await eventually { log.all == ["asked"] }
            await client.shutdown()
            let error = await #expect(throws: HTTPClientError.self) { try await task.value }
            #expect(error?.reason == .closed)
        }
    }
}
