import CCurl
import Runtime

/// One exchange: what libcurl has brought and not yet been asked for, and who waits for it.
final class Transfer: @unchecked Sendable {
    // @unchecked: the mutable properties are touched on the engine's loop only, by the engine, by libcurl's callbacks
    // and by the reader, which goes there.

    /// What the sender of the request waits for.
    struct Head: Sendable {
        let status: HTTPStatus
        let headers: HTTPHeaders
        /// The whole body when it came with the head.
        let body: [UInt8]?
        /// The length of a body that is still to come, when known.
        let length: Int?
    }

    /// So much may wait for the reader before the server is no longer read from.
    private static let highWater = 64 * 1024

    let request: ClientRequest
    let deadline: Deadline
    let engine: ClientLoop
    private(set) var easy: UnsafeMutableRawPointer?
    /// The request's header lines; libcurl reads them until the transfer is over.
    var headerList: UnsafeMutablePointer<curl_slist>?
    /// Those of the host, when it is a name, as `CURLOPT_RESOLVE` has them.
    var addresses: String?
    var addressList: UnsafeMutablePointer<curl_slist>?
    var upload: Upload
    var isForbidden = false

    private var head: CheckedContinuation<Head, any Error>?
    private var parser = ResponseHead()
    private var buffered: [UInt8] = []
    private var reader: CheckedContinuation<[UInt8]?, any Error>?
    private var isPaused = false
    private var end: Result<Void, any Error>?

    init(request: ClientRequest, deadline: Deadline, engine: ClientLoop) {
        self.request = request
        self.deadline = deadline
        self.engine = engine
        upload = Upload(request.body)
    }

    var isOver: Bool { end != nil }

    static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
        guard let context else { preconditionFailure("libcurl lost its context") }
        return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: - The engine's side

    func attach(_ easy: UnsafeMutableRawPointer) { self.easy = easy }

    /// libcurl has let go of the transfer.
    func detach() {
        easy = nil
        curl_slist_free_all(headerList)
        curl_slist_free_all(addressList)
        (headerList, addressList) = (nil, nil)
        let pull = upload.takeTask()
        pull?.cancel()
    }

    func waitForHead(_ continuation: CheckedContinuation<Head, any Error>) { head = continuation }

    /// Tells the sender, once, of the head or of the failure that came before it.
    func tellHead() {
        guard let continuation = head else { return }
        if parser.isComplete, let status = parser.status {
            head = nil
            continuation.resume(returning: makeHead(status))
        } else if case .failure(let error) = end {
            head = nil
            continuation.resume(throwing: error)
        }
    }

    private func makeHead(_ status: HTTPStatus) -> Head {
        var whole: [UInt8]?
        if case .success = end {
            whole = takeBuffered()
        } else if request.method == .head || status.forbidsBody {
            whole = []
        }
        let length = parser.headers["Content-Length"].flatMap { Int($0) }
        return Head(status: status, headers: parser.headers, body: whole, length: length)
    }

    /// What libcurl's result means.
    func outcome(of code: CURLcode) -> Result<Void, any Error> {
        switch code {
        case CURLE_OK where parser.isComplete: .success(())
        case CURLE_OK: .failure(HTTPClientError(.malformedAnswer, "the answer had no head"))
        case _ where isForbidden:
            .failure(
                HTTPClientError(
                    .forbiddenAddress, "not a public address (\(HTTPClientError.origin(of: request.url)))"))
        case CURLE_OPERATION_TIMEDOUT:
            .failure(
                HTTPClientError(
                    upload.hasStarted || parser.status != nil ? .stalled : .unreachable,
                    "time-out (\(HTTPClientError.origin(of: request.url)))"))
        default: .failure(HTTPClientError(code, url: request.url))
        }
    }

    func finish(_ result: Result<Void, any Error>) {
        guard end == nil else { return }
        end = result
        if case .failure = result { tellHead() } else { engine.headArrived(self) }
        guard let reader, buffered.isEmpty else { return }
        self.reader = nil
        reader.resume(with: result.map { nil })
    }

    // MARK: - libcurl's side

    func receiveHeader(_ line: UnsafeRawBufferPointer) {
        guard !parser.isComplete else { return }
        parser.read(line)
        if parser.isComplete { engine.headArrived(self) }
    }

    /// - Returns: how much was taken, or `CURL_WRITEFUNC_PAUSE`: libcurl then brings the same bytes again later.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        if let reader {
            self.reader = nil
            reader.resume(returning: Array(bytes))
            return bytes.count
        }
        guard buffered.count < Self.highWater else {
            isPaused = true
            return Int(CURL_WRITEFUNC_PAUSE)
        }
        buffered.append(contentsOf: bytes)
        return bytes.count
    }

    private func takeBuffered() -> [UInt8] {
        defer { buffered = [] }
        return buffered
    }

    // MARK: - The reader's side

    /// Answers the next chunk, nil at the end. One reader at a time.
    func read(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
        engine.loop.preconditionOnLoop()
        precondition(reader == nil, "a body has one reader at a time")
        if !buffered.isEmpty {
            continuation.resume(returning: takeBuffered())
        } else if let end {
            continuation.resume(with: end.map { nil })
        } else {
            reader = continuation
        }
        if isPaused, let easy {
            isPaused = false
            engine.unpause(easy)
        }
    }

    func uploadFailed(_ error: any Error) { engine.cancel(self, error) }
}

/// The reader of an answer's body: when it is dropped, the transfer ends.
final class BodyReader: Sendable {
    private let transfer: Transfer
    /// Keeps the connections open as long as somebody reads.
    private let client: HTTPClient

    init(transfer: Transfer, client: HTTPClient) {
        self.transfer = transfer
        self.client = client
    }

    deinit {
        let transfer = transfer
        let engine = transfer.engine
        engine.loop.execute { engine.cancel(transfer) }
    }

    func next() async throws -> [UInt8]? {
        let transfer = transfer
        let engine = transfer.engine
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                engine.loop.run { transfer.read(continuation) }
            }
        } onCancel: {
            engine.loop.execute { engine.cancel(transfer) }
        }
    }
}
