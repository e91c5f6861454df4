import Foundation
import Glibc
import Runtime
import Synchronization
import Testing

@testable import HTTP

/// What libcurl closes by itself: the descriptor by which a lookup of a name tells that it has an answer, and a socket
/// whose connection was never made.
@Suite(.serialized) struct ClientSocketsTests {
    /// The number that libcurl's descriptor had may be anybody's by then: whoever watches it still would take his events, or
    /// stop the program.
    @Test func aDescriptorOfALookupIsWatchedNoLongerThanItIsOpen() async throws {
        let server = try ScriptedServer { connection in
            while connection.request() != nil { connection.answer("x") }
        }
        let thief = DescriptorThief()
        defer { thief.stop() }
        // By the machine's own name: `localhost` libcurl knows without looking it up.
        let host = ProcessInfo.processInfo.hostName
        for _ in 0..<40 {
            try await withClient { client in
                // Not every machine serves its name where the server listens.
                let isAnswered = (try? await client.send(ClientRequest(.get, "http://\(host):\(server.port)/"))) != nil
                #expect(await client.watchedDescriptors() <= (isAnswered ? 1 : 0), "only the connection is open")
            }
        }
    }

    @Test func aSocketThatNeverConnectedIsWatchedNoLongerThanItIsOpen() async throws {
        let server = try ScriptedServer { connection in
            while connection.request() != nil { connection.answer("x") }
        }
        let full = try FullServer()
        try await withClient {
            $0.connectTimeout = .milliseconds(20)
            $0.retries = 0
        } _: { client in
            for _ in 0..<3 {
                await #expect(throws: HTTPClientError.self) { try await client.send(ClientRequest(.get, full.url)) }
                #expect(await client.watchedDescriptors() == 0)
            }
            // Its socket has the number of those before.
            let answer = try await client.send(ClientRequest(.get, server.url))
            #expect(answer.status == 200)
            #expect(await client.watchedDescriptors() <= 1)
        }
    }

    /// libcurl then asks for no more than it had asked for the closed one.
    @Test(.timeLimit(.minutes(1))) func aSocketThatGetsTheNumberOfAClosedOneIsWatched() async throws {
        let loop = EventLoop()
        try await withTaskExecutorPreference(loop) {
            let sockets = ClientSockets(loop: loop)
            let first = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            await sockets.isWritable(first, after: { sockets.watch(first, ClientSockets.pollOut) })
            var pair: [Int32] = [0, 0]
            try #require(socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &pair) == 0)
            // Closes the first without a word.
            dup2(pair[0], first)
            await sockets.isWritable(first, after: { sockets.opened(first) })
            #expect(sockets.close(first) == 0)
            for descriptor in pair { close(descriptor) }
        }
        await loop.shutdown()
    }

    /// libuv begins to watch at the end of a turn, and stops the program when the descriptor is closed by then.
    @Test func aRequestThatIsCancelledInTheTurnInWhichItConnects() async throws {
        let full = try FullServer()
        let group = EventLoopGroup(count: 1)
        let client = HTTPClient(group: group)
        await withTaskExecutorPreference(group.loops[0]) {
            for turns in 0..<64 {
                let request = Task(executorPreference: group.loops[0]) {
                    _ = try await client.send(ClientRequest(.get, full.url))
                }
                for _ in 0..<(turns / 4) { await Task.yield() }
                request.cancel()
                await #expect(throws: CancellationError.self) { try await request.value }
            }
            #expect(await client.watchedDescriptors() == 0)
        }
        await client.shutdown()
        await group.shutdown()
    }
}

extension ClientSockets {
    /// `CURL_POLL_OUT`. libcurl's module is not imported here: it would take the C library's names from the other tests.
    fileprivate static let pollOut: Int32 = 2

    /// Waits until a socket can be written to, after `begin`.
    fileprivate nonisolated(nonsending) func isWritable(_ socket: Int32, after begin: () -> Void) async {
        let ready = AsyncStream<Int32>.makeStream()
        onReady = { socket, _ in ready.continuation.yield(socket) }
        begin()
        var sockets = ready.stream.makeAsyncIterator()
        #expect(await sockets.next() == socket)
    }
}

/// Listens and has no room for one more: who connects waits.
final class FullServer: Sendable {
    let port: UInt16
    var url: String { "http://127.0.0.1:\(port)" }
    private let descriptors: [Int32]

    init() throws {
        func stream() -> Int32 {
            socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (listener, clients) = (stream(), (0..<4).map { _ in stream() })
        let isListening = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(listener, address, length) == 0, listen(listener, 0) == 0,
                    getsockname(listener, address, &length) == 0
                else { return false }
                for client in clients { _ = connect(client, address, length) }
                return true
            }
        }
        try #require(isListening)
        port = UInt16(bigEndian: address.sin_port)
        descriptors = [listener] + clients
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}

/// Takes every number that becomes free, as other threads may.
private final class DescriptorThief: Sendable {
    private let isOver = Atomic(false)

    init() {
        Thread.detachNewThread { [self] in
            var taken: [Int32] = []
            while !isOver.load(ordering: .relaxed) {
                let descriptor = dup(2)
                if descriptor >= 0 { taken.append(descriptor) }
                if taken.count == 64 {
                    for descriptor in taken { close(descriptor) }
                    taken = []
                }
            }
            for descriptor in taken { close(descriptor) }
        }
    }

    func stop() { isOver.store(true, ordering: .relaxed) }
}
