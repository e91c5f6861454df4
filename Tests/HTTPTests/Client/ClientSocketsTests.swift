import Foundation
import Glibc
import Runtime
import Synchronization
import Testing

@testable import HTTP

/// libcurl looks up names on threads of its own and tells by a descriptor of its own when one has answered.
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
                #expect(await client.watchedDescriptors() == (isAnswered ? 1 : 0), "only the connection is open")
            }
        }
    }
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
