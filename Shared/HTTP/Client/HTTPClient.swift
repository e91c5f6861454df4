import CCurl
import Runtime
import Synchronization

/// An HTTP client on libcurl, with a pool of connections on each loop.
///
/// A request made on a loop stays on it. Redirects are not followed, proxies and cookies not used, nothing is
/// decompressed. Cancelling the task ends the transfer at once.
public final class HTTPClient: Sendable {
    public struct Options: Sendable {
        public var connectTimeout: Duration = .seconds(3)
        /// For the whole exchange of a request without a deadline of its own.
        public var timeout: Duration = .seconds(30)
        /// The longest pause in a transfer that nobody holds back.
        public var idleTimeout: Duration = .seconds(60)
        /// Of each loop; further requests wait, within their deadlines.
        public var connectionsPerHost = 64
        public var connections = 256
        /// An idle connection that is older is not used again; below the server's keep-alive time.
        public var keepAlive: Duration = .seconds(20)
        /// After the first attempt; only of repeatable requests whose body is no stream, and only when the connection
        /// failed before an answer came.
        public var retries = 2
        /// Refuses loopback, private and other addresses that are not public, checked when connecting: for URLs that
        /// tenants choose.
        public var forbidsPrivateAddresses = false
        public var userAgent = "Guanxi"
        /// For tests: looks up a name, blocking.
        var lookUp: NameLookup.Function = NameLookup.systemLookup

        public init() {}
    }

    public let options: Options
    private let group: EventLoopGroup
    private let engines: [ObjectIdentifier: ClientLoop]

    public init(group: EventLoopGroup, options: Options = Options()) {
        _ = Self.library
        self.options = options
        self.group = group
        engines = Dictionary(
            uniqueKeysWithValues: group.loops.map { (ObjectIdentifier($0), ClientLoop(loop: $0, options: options)) })
    }

    deinit {
        for engine in engines.values { engine.loop.execute { engine.close() } }
    }

    /// `curl_global_init` once per process; Swift runs this initialiser under a lock.
    private static let library: Void = {
        let code = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        precondition(code == CURLE_OK, "libcurl could not start: \(String(cString: curl_easy_strerror(code)))")
    }()

    /// Sends a request; returns when the head of the answer is there, whatever its status.
    ///
    /// - Throws: ``HTTPClientError``, ``Runtime/DeadlineExceeded``, `CancellationError`, or what the request's stream
    ///   throws.
    public func send(_ request: ClientRequest) async throws -> ClientResponse {
        let deadline = request.deadline ?? .after(options.timeout)
        var attempt = 0
        while true {
            do {
                return try await attemptOnce(request, deadline)
            } catch let error as HTTPClientError where attempt < options.retries && request.mayRepeat(after: error) {
                let pause = Duration.milliseconds(20 << attempt)
                guard pause < deadline.remaining else { throw error }
                try await Task.sleep(for: pause)
                attempt += 1
            }
        }
    }

    private func attemptOnce(_ request: ClientRequest, _ deadline: Deadline) async throws -> ClientResponse {
        guard !deadline.isPassed else { throw DeadlineExceeded() }
        guard let engine = engines[ObjectIdentifier(group.here)] else {
            preconditionFailure("A loop joined the group after the client was made.")
        }
        let transfer = Transfer(request: request, deadline: deadline, engine: engine)
        let head = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                engine.loop.run { engine.start(transfer, continuation) }
            }
        } onCancel: {
            engine.loop.execute { engine.cancel(transfer) }
        }
        return ClientResponse(status: head.status, headers: head.headers, body: body(of: head, transfer))
    }

    private func body(of head: Transfer.Head, _ transfer: Transfer) -> HTTPBody {
        if let whole = head.body { return whole.isEmpty ? .none : .bytes(whole) }
        let reader = BodyReader(transfer: transfer, client: self)
        return .stream(length: head.length) { try await reader.next() }
    }

    /// How many descriptors the client's loops watch.
    func watchedDescriptors() async -> Int {
        var count = 0
        for engine in engines.values {
            count += await withTaskExecutorPreference(engine.loop) { engine.watchedDescriptors }
        }
        return count
    }

    /// Fails what is under way and closes every connection. Call it before the loops are shut down.
    public func shutdown() async {
        for engine in engines.values {
            await withCheckedContinuation { continuation in
                engine.loop.run {
                    engine.close()
                    continuation.resume()
                }
            }
        }
    }
}

extension EventLoop {
    /// Runs `work` at once when on the loop, else soon.
    func run(_ work: @escaping @Sendable () -> Void) {
        if isCurrent { work() } else { execute(work) }
    }
}

extension ClientRequest {
    fileprivate func mayRepeat(after error: HTTPClientError) -> Bool {
        guard isRepeatable, error.reason == .unreachable || error.reason == .interrupted else { return false }
        if case .stream = body.content { return false }
        return true
    }
}
