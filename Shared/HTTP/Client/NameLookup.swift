import CCurl
import Glibc
import Runtime

/// Looks up the names of hosts for one ``ClientLoop``. Belongs on its loop.
///
/// libcurl's own lookups stop the loop: to cancel one it waits for the C library, which may be waiting for a name server.
/// So it is given the addresses (`CURLOPT_RESOLVE`). An answer is used for a minute, and up to ten while a new one is looked
/// for, so that requests to a server that is known neither wait for the name server nor fail with it.
final class NameLookup: @unchecked Sendable {
    // @unchecked: everything but the constants is touched on the loop's thread only, which each entry checks.

    /// Addresses as text, best first; blocks.
    typealias Function = @Sendable (_ name: String) -> Result<[String], Failure>

    struct Failure: Error {
        let description: String
    }

    private struct Entry {
        var addresses: [String] = []
        var since: ContinuousClock.Instant?
        var isUnderWay = false
        var waiters: [(Result<[String], Failure>) -> Void] = []
    }

    private let loop: EventLoop
    private let fresh: Duration
    private let function: Function
    /// What ``host(of:)`` found: most requests go to few URLs.
    private var hosts: [String: HostName?] = [:]
    private var entries: [String: Entry] = [:]
    /// Names that wait for a thread.
    private var queue = FIFO<String>()
    private var threads = 0

    private static let usable = Duration.seconds(600)
    private static let threadLimit = 32
    private static let entryLimit = 256

    /// - Parameter fresh: how long an answer is used without asking again.
    init(loop: EventLoop, fresh: Duration = .seconds(60), function: @escaping Function) {
        self.loop = loop
        self.fresh = fresh
        self.function = function
    }

    /// Whether nothing is being looked up.
    var isIdle: Bool { threads == 0 }

    /// The part of a URL that has to be looked up, nil when there is none.
    func host(of url: String) -> HostName? {
        loop.preconditionOnLoop()
        if let host = hosts[url] { return host }
        if hosts.count >= Self.entryLimit { hosts = [:] }
        let host = HostName(url: url)
        hosts[url] = .some(host)
        return host
    }

    /// Calls `done` with the name's addresses, within this call if they are known.
    func lookUp(_ name: String, _ done: @escaping (Result<[String], Failure>) -> Void) {
        loop.preconditionOnLoop()
        let known = entries[name]
        let age = known?.since.map { $0.duration(to: .now) }
        if let known, let age, age < fresh { return done(.success(known.addresses)) }
        var entry = known ?? Entry()
        let begins = !entry.isUnderWay
        entry.isUnderWay = true
        let isUsable = age.map { $0 < Self.usable } ?? false
        if !isUsable { entry.waiters.append(done) }
        if known == nil { makeRoom() }
        entries[name] = entry
        if begins { queue.append(name) }
        startThreads()
        if isUsable { done(.success(entry.addresses)) }
    }

    /// Forgets the names that nobody has asked for of late.
    private func makeRoom() {
        guard entries.count >= Self.entryLimit else { return }
        let now = ContinuousClock.now
        entries = entries.filter { _, entry in
            entry.isUnderWay || entry.since.map { $0.duration(to: now) < fresh } ?? false
        }
    }

    private func startThreads() {
        while threads < Self.threadLimit, let name = queue.popFirst() {
            threads += 1
            Blocking.detach { [self] in
                let result = function(name)
                loop.execute { self.finished(name, result) }
            }
        }
    }

    private func finished(_ name: String, _ result: Result<[String], Failure>) {
        threads -= 1
        if var entry = entries[name] {
            let waiters = entry.waiters
            entry.waiters = []
            entry.isUnderWay = false
            if case .success(let addresses) = result {
                entry.addresses = addresses
                entry.since = .now
            }
            entries[name] = entry.since == nil ? nil : entry
            for waiter in waiters { waiter(result) }
        }
        startThreads()
    }

    // MARK: - The C library

    /// `getaddrinfo` for addresses of either family that a stream can connect to.
    static let systemLookup: Function = { name in
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &found)
        guard status == 0 else { return .failure(Failure(description: String(cString: gai_strerror(status)))) }
        defer { freeaddrinfo(found) }
        var addresses: [String] = []
        var next = found
        while let info = next?.pointee {
            if let text = numeric(info) { addresses.append(text) }
            next = info.ai_next
        }
        return addresses.isEmpty ? .failure(Failure(description: "no address")) : .success(addresses)
    }

    private static func numeric(_ info: addrinfo) -> String? {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        let address = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        // An address that is good on one link only cannot be told to libcurl in this way.
        return address.contains("%") ? nil : address
    }
}

/// The part of a URL that may have to be looked up.
struct HostName: Sendable {
    /// As libcurl looks it up: without the case of the URL, in ASCII.
    let name: String
    let port: Int

    /// Nil when there is nothing to look up: an address, `localhost`, which libcurl knows, or no URL at all.
    init?(url: String) {
        guard let handle = curl_url() else { return nil }
        defer { curl_url_cleanup(handle) }
        guard curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK,
            let host = Self.part(CURLUPART_HOST, of: handle, UInt32(CURLU_PUNYCODE))?.lowercased(),
            let port = Self.part(CURLUPART_PORT, of: handle, UInt32(CURLU_DEFAULT_PORT)).flatMap(Int.init)
        else { return nil }
        let isKnown = host == "localhost" || host.hasSuffix(".localhost")
        // The star stands for all names where libcurl is told of addresses.
        guard !isKnown, !host.hasPrefix("["), host != "*", !Self.isAddress(host) else { return nil }
        (self.name, self.port) = (host, port)
    }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer, _ flags: UInt32) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }

    private static func isAddress(_ host: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1
    }

    /// A line of `CURLOPT_RESOLVE`; with the plus it grows old like an answer of libcurl's own.
    func line(_ addresses: [String]) -> String {
        let list = addresses.map { $0.contains(":") ? "[\($0)]" : $0 }
        return "+\(name):\(port):\(list.joined(separator: ","))"
    }
}
