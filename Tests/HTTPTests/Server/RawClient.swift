import Glibc
import HTTP
import Runtime
import Testing

/// A client that sends and receives plain bytes; its blocking calls run on libuv's pool.
final class RawClient: Sendable {
    let descriptor: Int32

    init(port: Int, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        // A server that fails to answer fails the test instead of hanging it.
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafeBytes(of: address) { bytes in
            connect(
                descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_in>.size))
        }
        guard status == 0 else { throw ClientGone() }
    }

    deinit { Glibc.close(descriptor) }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// - Throws: when the peer closed.
    func send(_ bytes: [UInt8]) async throws {
        try await Blocking.run { [descriptor] in
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw ClientGone() }
                sent += count
            }
        }
    }

    struct ClientGone: Error {}

    /// The next bytes; empty at the end of the stream.
    func receive(upTo limit: Int = 1 << 16) async throws -> [UInt8] {
        try await Blocking.run { [descriptor] in
            var buffer = [UInt8](repeating: 0, count: limit)
            let count = recv(descriptor, &buffer, limit, 0)
            guard count >= 0 else { throw ClientGone() }
            return Array(buffer[..<count])
        }
    }

    /// Reads until `text` was seen.
    func receive(until text: String) async throws -> String {
        var all: [UInt8] = []
        while !String(decoding: all, as: UTF8.self).contains(text) {
            let bytes = try await receive()
            if bytes.isEmpty { break }
            all += bytes
        }
        return String(decoding: all, as: UTF8.self)
    }

    func receiveAll() async throws -> String {
        var all: [UInt8] = []
        while case let bytes = try await receive(), !bytes.isEmpty { all += bytes }
        return String(decoding: all, as: UTF8.self)
    }

    func halfClose() { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

    /// Sends RST.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        let null = open("/dev/null", O_RDWR)
        dup2(null, descriptor)
        Glibc.close(null)
    }
}

/// A server to be tested.
func serving(
    _ handler: @escaping HTTPHandler, loops: Int = 1, options: HTTPServerOptions = HTTPServerOptions()
) -> ServerFixture {
    ServerFixture(handler: handler, loops: loops, options: options)
}

struct ServerFixture {
    let handler: HTTPHandler
    let loops: Int
    let options: HTTPServerOptions

    /// Runs the server on a free port around `body`.
    func run(_ body: (HTTPServer) async throws -> Void) async throws {
        let group = EventLoopGroup(count: loops)
        let server = HTTPServer(
            group: group, address: ListenAddress(port: 0), options: options, handler: handler)
        try await server.start()
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(server)) } catch { outcome = .failure(error) }
        await server.drain(deadline: .after(.milliseconds(100)))
        await group.shutdown()
        try outcome.get()
    }
}

/// Memory this process holds, in bytes.
func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    fgets(&line, 128, file)
    let fields = String(decoding: line.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
    return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * 4096
}
