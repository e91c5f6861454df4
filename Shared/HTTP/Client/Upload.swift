import CCurl
import Runtime

/// The body of a request on its way out.
struct Upload {
    private var chunk: [UInt8]
    private var position = 0
    private var isEnded: Bool
    private let next: HTTPBody.Puller?
    private var task: Task<Void, Never>?
    private(set) var hasStarted = false
    /// The length of the body; nil when not known before its end.
    let length: Int?

    init(_ body: HTTPBody) {
        length = body.length
        switch body.content {
        case .none: (chunk, isEnded, next) = ([], true, nil)
        case .bytes(let bytes): (chunk, isEnded, next) = (bytes, true, nil)
        case .stream(_, let puller): (chunk, isEnded, next) = ([], false, puller)
        }
    }

    /// Whether libcurl may send it again: only what is in memory can.
    var canRewind: Bool { next == nil }

    mutating func rewind() -> Bool {
        position = 0
        return canRewind
    }

    /// `CURLOPT_READFUNCTION`: copies what is there, 0 at the end, or pauses until the stream brings more.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer, of transfer: Transfer) -> Int {
        hasStarted = true
        let count = min(buffer.count, chunk.count - position)
        if count > 0 {
            chunk.withUnsafeBytes { bytes in
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)]))
            }
            position += count
            return count
        }
        guard !isEnded, let next else { return 0 }
        pull(next, for: transfer)
        return Int(CURL_READFUNC_PAUSE)
    }

    private mutating func pull(_ next: @escaping HTTPBody.Puller, for transfer: Transfer) {
        guard task == nil else { return }
        // On the transfer's loop, and never within libcurl's callback.
        task = Task(executorPreference: transfer.engine.loop) {
            do {
                let chunk = try await next()
                transfer.feed(chunk)
            } catch {
                transfer.uploadFailed(error)
            }
        }
    }

    /// Takes the next chunk of the stream; nil is its end.
    mutating func feed(_ next: [UInt8]?) {
        task = nil
        chunk = next ?? []
        position = 0
        isEnded = next == nil
    }

    /// Gives up the pull that is under way, for the caller to cancel: its cancellation handlers may call back.
    mutating func takeTask() -> Task<Void, Never>? {
        defer { task = nil }
        return task
    }
}

extension Transfer {
    func feed(_ chunk: [UInt8]?) {
        engine.loop.preconditionOnLoop()
        upload.feed(chunk)
        if let easy { engine.unpause(easy) }
    }
}
