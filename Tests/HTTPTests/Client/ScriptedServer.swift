import Foundation
import Glibc
import Synchronization

/// A server that does on each connection exactly what its script says, right or wrong, each on a thread of its own.
final class ScriptedServer: Sendable {
    let port: UInt16
    /// How many connections were accepted.
    let accepted = Atomic<Int>(0)
    private let listener: Int32
    /// The accepting thread closes the listener, once it was shut down.
    private let isListening = Atomic<Bool>(true)

    var url: String { "http://127.0.0.1:\(port)" }

    /// - Parameter script: runs for each connection; the connection is closed when it returns.
    init(host: UInt32 = 0x7F00_0001, port: UInt16 = 0, _ script: @escaping @Sendable (Connection) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = host.bigEndian
        address.sin_port = port.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard bound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        self.listener = listener
        self.port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { break }
                self?.accepted.add(1, ordering: .sequentiallyConsistent)
                Thread.detachNewThread {
                    script(Connection(descriptor: descriptor))
                    close(descriptor)
                }
            }
            close(listener)
        }
    }

    deinit { stopListening() }

    /// From now on connections are refused; those that are there stay.
    func stopListening() {
        guard isListening.exchange(false, ordering: .sequentiallyConsistent) else { return }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// One accepted connection, read and written blocking.
    struct Connection: Sendable {
        let descriptor: Int32

        /// The bytes of a request with its body; nil when the client closed.
        func request() -> String? {
            var text = ""
            while !text.isWholeRequest {
                guard let more = read() else { return nil }
                text += String(decoding: more, as: UTF8.self)
            }
            return text
        }

        /// What has arrived, at least one byte; nil at the end.
        func read() -> [UInt8]? {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return count > 0 ? Array(buffer[..<count]) : nil
        }

        /// - Returns: whether the client took it.
        @discardableResult func write(_ bytes: [UInt8]) -> Bool {
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }

        @discardableResult func write(_ text: String) -> Bool { write(Array(text.utf8)) }

        /// A 200 with a body, on a connection that stays.
        @discardableResult func answer(_ body: String, headers: String = "") -> Bool {
            write("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)")
        }
    }
}

extension String {
    fileprivate var isWholeRequest: Bool {
        guard let head = range(of: "\r\n\r\n") else { return false }
        let fields = self[..<head.lowerBound].lowercased()
        if fields.contains("transfer-encoding: chunked") { return hasSuffix("\r\n0\r\n\r\n") }
        guard let field = fields.range(of: "content-length: ") else { return true }
        let length = Int(fields[field.upperBound...].prefix { $0.isNumber }) ?? 0
        return self[head.upperBound...].utf8.count >= length
    }
}
