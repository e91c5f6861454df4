import Dispatch
import Glibc
import Runtime
import Synchronization
import Testing

@testable import HTTP

@Suite struct NameLookupTests {
    /// A name server that does not answer holds up those that ask for the name, and them no longer than they want.
    @Test func aLookupThatHangsHoldsUpNobodyElse() async throws {
        let server = try ScriptedServer { connection in
            while connection.request() != nil { connection.answer("x") }
        }
        let names = HangingNames()
        defer { names.answer() }
        try await withClient {
            $0.lookUp = names.lookUp
        } _: { client in
            let request = Task { try await client.send(ClientRequest(.get, "http://slow.test/")) }
            await names.wasAsked()
            let other = try await client.send(ClientRequest(.get, server.url))
            #expect(other.status == 200)
            request.cancel()
            await #expect(throws: CancellationError.self) { try await request.value }
            await #expect(throws: DeadlineExceeded.self) {
                try await client.send(
                    ClientRequest(.get, "http://slow.test/", deadline: .after(.milliseconds(20))))
            }
        }
        #expect(names.count == 1, "the second asked with the first")
    }

    @Test func aLookupTakesNoLongerThanAConnectionMay() async throws {
        let names = HangingNames()
        defer { names.answer() }
        try await isUnreachable("slow.test", "no answer from the name server (http://slow.test)") {
            $0.lookUp = names.lookUp
            $0.connectTimeout = .milliseconds(20)
        }
    }

    @Test func whoeverIsLookedUpWhenTheClientIsShutDownFails() async throws {
        let names = HangingNames()
        defer { names.answer() }
        try await withClient {
            $0.lookUp = names.lookUp
        } _: { client in
            let request = Task { try await client.send(ClientRequest(.get, "http://slow.test/")) }
            await names.wasAsked()
            await client.shutdown()
            let error = await #expect(throws: HTTPClientError.self) { try await request.value }
            #expect(error?.reason == .closed)
        }
    }

    @Test func aNameThatDoesNotExist() async throws {
        try await isUnreachable("nobody.test", "nobody.test: Name or service not known") {
            $0.lookUp = { _ in .failure(NameLookup.Failure(description: "Name or service not known")) }
        }
    }

    private func isUnreachable(
        _ host: String, _ why: String, _ change: (inout HTTPClient.Options) -> Void
    ) async throws {
        try await withClient {
            $0.retries = 0
            change(&$0)
        } _: { client in
            let error = await #expect(throws: HTTPClientError.self) {
                try await client.send(ClientRequest(.get, "http://\(host)/"))
            }
            #expect(error?.reason == .unreachable)
            #expect(error?.description == why)
        }
    }

    /// The first drops what comes, as a host behind a firewall does.
    @Test func theNextAddressIsTriedWhenOneIsSilent() async throws {
        let full = try FullServer()
        let server = try ScriptedServer(host: 0x7F00_0002, port: full.port) { connection in
            while connection.request() != nil { connection.answer("x") }
        }
        try await withClient {
            $0.lookUp = { _ in .success(["127.0.0.1", "127.0.0.2"]) }
            $0.connectTimeout = .seconds(2)
            $0.retries = 0
        } _: { client in
            let answer = try await client.send(ClientRequest(.get, "http://two.test:\(server.port)/"))
            #expect(answer.status == 200)
            #expect(await client.watchedDescriptors() <= 1)
        }
    }

    @Test func theSystemsNames() throws {
        var name = [CChar](repeating: 0, count: 256)
        #expect(gethostname(&name, name.count) == 0)
        let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        #expect(try !NameLookup.systemLookup(host).get().isEmpty)
        #expect(try NameLookup.systemLookup("127.0.0.1").get() == ["127.0.0.1"])
        #expect(throws: NameLookup.Failure.self) { try NameLookup.systemLookup("a name").get() }
    }

    /// Requests to a server that is known go on while the name server is away.
    @Test func anOldAnswerServesUntilThereIsANewOne() async throws {
        let loop = EventLoop()
        let answers = Mutex<[Result<[String], NameLookup.Failure>]>([
            .success(["192.0.2.1"]), .failure(NameLookup.Failure(description: "away")), .success(["192.0.2.2"]),
            .success(["192.0.2.2"]),
        ])
        let lookup = NameLookup(loop: loop, fresh: .zero) { _ in answers.withLock { $0.removeFirst() } }
        let isAsked: @Sendable (Int) -> Bool = { left in answers.withLock { $0.count == left } }
        await withTaskExecutorPreference(loop) {
            for left in [3, 2, 1] {
                #expect(await lookup.wait() == ["192.0.2.1"], "with \(left) answers to come")
                while !(isAsked(left) && lookup.isIdle) { await Task.yield() }
            }
            #expect(await lookup.wait() == ["192.0.2.2"])
        }
        await loop.shutdown()
    }

    @Test(arguments: [
        ("http://Crm.Example/leads", "crm.example", 80), ("https://user@crm.example:8443?x", "crm.example", 8443),
    ])
    func whatIsLookedUp(url: String, name: String, port: Int) {
        let host = HostName(url: url)
        #expect(host?.name == name)
        #expect(host?.port == port)
    }

    @Test(arguments: [
        "http://127.0.0.1:80/", "http://0x7f.1/", "http://[::1]/", "http://localhost/", "http://a.localhost/",
        "http://*/",
        "http:///", "none",
    ])
    func whatIsNotLookedUp(url: String) { #expect(HostName(url: url) == nil) }

    @Test func addressesAsLibcurlReadsThem() {
        let host = HostName(url: "http://crm.example/")
        #expect(host?.line(["192.0.2.1", "2001:db8::1"]) == "+crm.example:80:192.0.2.1,[2001:db8::1]")
    }
}

extension NameLookup {
    /// Nil when it failed.
    fileprivate nonisolated(nonsending) func wait() async -> [String]? {
        let result = await withCheckedContinuation { continuation in
            lookUp("crm.example") { continuation.resume(returning: $0) }
        }
        return try? result.get()
    }
}

/// Answers nobody before it is told to.
private final class HangingNames: Sendable {
    private let gate = DispatchSemaphore(value: 0)
    private let asked = Atomic(0)

    var count: Int { asked.load(ordering: .acquiring) }

    var lookUp: NameLookup.Function {
        { [self] _ in
            asked.add(1, ordering: .acquiringAndReleasing)
            gate.wait()
            gate.signal()
            return .success(["127.0.0.1"])
        }
    }

    func wasAsked() async {
        while count == 0 { await Task.yield() }
    }

    func answer() { gate.signal() }
}
