import CLibUV
import Glibc

/// Addresses and descriptors of listening sockets.
enum ListeningSocket {
    /// An address as `bind` wants it.
    static func resolve(_ address: ListenAddress) throws(HTTPServerError) -> sockaddr_storage {
        var storage = sockaddr_storage()
        let host = address.host == "localhost" ? "127.0.0.1" : address.host
        let port = Int32(clamping: address.port)
        guard (0...65535).contains(address.port) else {
            throw HTTPServerError(description: "\(address.port) is no port; choose one of 0…65535.")
        }
        let status = withUnsafeMutableBytes(of: &storage) { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return -1 }
            return host.contains(":")
                ? uv_ip6_addr(host, port, base.assumingMemoryBound(to: sockaddr_in6.self))
                : uv_ip4_addr(host, port, base.assumingMemoryBound(to: sockaddr_in.self))
        }
        guard status == 0 else {
            throw HTTPServerError(
                description: "\(address.host) is no IP address to listen on, such as 127.0.0.1 or ::.")
        }
        return storage
    }

    /// `SOCK_STREAM`: Swift loses sight of the C enumeration in optimized builds, where other modules import it too.
    private static let streamSocket: Int32 = 1

    /// Binds for a moment without `SO_REUSEPORT`, because with it another process of the same user could share our
    /// port unnoticed.
    static func probe(_ address: ListenAddress) throws(HTTPServerError) {
        guard address.port != 0 else { return }
        let storage = try resolve(address)
        let descriptor = socket(Int32(storage.ss_family), streamSocket, 0)
        guard descriptor >= 0 else { throw failure(address, errno) }
        defer { close(descriptor) }
        setOption(descriptor, SO_REUSEADDR)
        let status = withUnsafeBytes(of: storage) { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return -1 }
            return bind(descriptor, base.assumingMemoryBound(to: sockaddr.self), length(storage))
        }
        guard status == 0 else { throw failure(address, errno) }
        // Two sockets with SO_REUSEADDR may bind one port as long as neither listens; listening tells.
        guard listen(descriptor, 1) == 0 else { throw failure(address, errno) }
    }

    static func length(_ storage: sockaddr_storage) -> socklen_t {
        socklen_t(
            Int32(storage.ss_family) == AF_INET6
                ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
    }

    static func setOption(_ descriptor: Int32, _ option: Int32) {
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, option, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The sentence for an error of `bind` or `listen`.
    static func failure(_ address: ListenAddress, _ code: Int32) -> HTTPServerError {
        switch code {
        case EADDRINUSE:
            HTTPServerError(
                description: "Port \(address.port) is taken by another program: stop it or choose another port.")
        case EACCES:
            HTTPServerError(
                description: "No permission to listen on port \(address.port): choose a port of 1024 or above.")
        case EADDRNOTAVAIL:
            HTTPServerError(description: "This machine does not have the address \(address.host) to listen on.")
        default:
            HTTPServerError(description: "Cannot listen on \(address): \(String(cString: strerror(code))).")
        }
    }

    /// The address without port, and the port.
    static func describe(_ storage: sockaddr_storage) -> (host: String, port: Int) {
        withUnsafeBytes(of: storage) { bytes in
            guard let base = bytes.baseAddress else { return ("", 0) }
            let port = base.assumingMemoryBound(to: sockaddr_in.self).pointee.sin_port.bigEndian
            let isIPv6 = Int32(storage.ss_family) == AF_INET6
            let host = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { name in
                guard let text = name.baseAddress else { return "" }
                let status =
                    isIPv6
                    ? uv_ip6_name(base.assumingMemoryBound(to: sockaddr_in6.self), text, 64)
                    : uv_ip4_name(base.assumingMemoryBound(to: sockaddr_in.self), text, 64)
                return status == 0 ? String(cString: text) : ""
            }
            // An IPv4 peer of an IPv6 socket is the same client as over IPv4.
            return (host.hasPrefix("::ffff:") ? String(host.dropFirst(7)) : host, Int(port))
        }
    }
}
