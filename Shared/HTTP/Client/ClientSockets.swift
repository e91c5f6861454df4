import CCurl
import Glibc
import Runtime

/// The sockets of one ``ClientLoop`` and who watches them. Belongs on its loop.
///
/// An idle connection goes on being watched, since the next request will ask for the same: that spares the kernel two
/// calls a request. All else libcurl closes without a word (sockets that did not connect, its own for lookups of names),
/// and libuv stops the program when it is to watch what is closed.
final class ClientSockets: @unchecked Sendable {
    // @unchecked: everything is touched on the loop's thread only, by libcurl's callbacks and by the watchers.

    private let loop: EventLoop
    /// Called with a socket that is ready and `CURL_CSELECT_…`.
    var onReady: @Sendable (curl_socket_t, Int32) -> Void = { _, _ in }
    /// Called when libcurl gave up a socket that did not connect.
    var onGivenUp: () -> Void = {}
    private var watchers: [curl_socket_t: DescriptorWatcher] = [:]
    /// Connections that were made: their end comes through ``close(_:)``.
    private var established: Set<curl_socket_t> = []
    /// Those that libcurl does not wait for at present.
    private var resting: Set<curl_socket_t> = []

    init(loop: EventLoop) { self.loop = loop }

    var count: Int { watchers.count }

    /// `CURLMOPT_SOCKETFUNCTION`.
    func watch(_ socket: curl_socket_t, _ what: Int32) {
        let events: DescriptorWatcher.Events =
            switch what {
            case CURL_POLL_IN: .readable
            case CURL_POLL_OUT: .writable
            case CURL_POLL_INOUT: [.readable, .writable]
            default: []
            }
        if events.contains(.readable), !established.contains(socket), Self.isConnected(socket) {
            established.insert(socket)
        }
        if let watcher = watchers[socket] {
            guard !events.isEmpty else { return rest(socket) }
            resting.remove(socket)
            watcher.change(to: events)
        } else if !events.isEmpty {
            start(socket, events)
        }
    }

    private func start(_ socket: curl_socket_t, _ events: DescriptorWatcher.Events) {
        // A socket that cannot be watched is left to the transfer's time-out.
        guard let watcher = try? DescriptorWatcher(loop: loop, descriptor: socket) else { return }
        watchers[socket] = watcher
        watcher.start(events) { [weak self] events in self?.ready(socket, events) }
    }

    private func rest(_ socket: curl_socket_t) {
        if established.contains(socket) {
            resting.insert(socket)
        } else {
            watchers.removeValue(forKey: socket)?.close()
            // libcurl forgets to ask for a wake-up when it goes on with the host's next address (curl/curl#11920).
            onGivenUp()
        }
    }

    /// `CURLOPT_OPENSOCKETFUNCTION`: what has the number of a socket that libcurl has closed without a word is another
    /// one, which the kernel does not watch yet, while libcurl may think that it is still watched.
    func opened(_ socket: curl_socket_t) {
        guard let watcher = watchers.removeValue(forKey: socket) else { return }
        let interest = watcher.interest
        watcher.close()
        resting.remove(socket)
        established.remove(socket)
        if !interest.isEmpty { start(socket, interest) }
    }

    private static func isConnected(_ socket: curl_socket_t) -> Bool {
        var peer = sockaddr()
        var length = socklen_t(MemoryLayout<sockaddr>.size)
        let families = [sa_family_t(AF_INET), sa_family_t(AF_INET6)]
        return getpeername(socket, &peer, &length) == 0 && families.contains(peer.sa_family)
    }

    private func ready(_ socket: curl_socket_t, _ events: DescriptorWatcher.Events) {
        guard !resting.contains(socket) else {
            // Closed by the server, most likely; libcurl looks before it uses the connection again.
            watchers[socket]?.stop()
            return
        }
        var mask: Int32 = 0
        if events.contains(.readable) { mask |= CURL_CSELECT_IN }
        if events.contains(.writable) { mask |= CURL_CSELECT_OUT }
        if events.contains(.failed) { mask |= CURL_CSELECT_ERR }
        onReady(socket, mask)
    }

    /// `CURLOPT_CLOSESOCKETFUNCTION`: a watcher lives as long as its descriptor, also while the connection is idle.
    func close(_ socket: curl_socket_t) -> Int32 {
        watchers.removeValue(forKey: socket)?.close()
        resting.remove(socket)
        established.remove(socket)
        return Glibc.close(socket)
    }

    func closeAll() {
        for watcher in watchers.values { watcher.close() }
        watchers = [:]
    }
}
