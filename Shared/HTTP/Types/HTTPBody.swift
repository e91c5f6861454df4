/// The content of a request or an answer: nothing, bytes, or a stream pulled chunk by chunk.
///
/// A stream can be read once, by one reader at a time. Pulling is the back-pressure: as long as nobody asks for the
/// next chunk, the sender is not read from. One type serves both directions, so that a body taken from a request can
/// be sent on as it is.
public struct HTTPBody: Sendable, AsyncSequence {
    public typealias Element = [UInt8]

    /// Answers the next chunk, never an empty one; `nil` at the end.
    public typealias Puller = @Sendable () async throws -> [UInt8]?

    public enum Content: Sendable {
        case none
        case bytes([UInt8])
        /// `length` when it is known beforehand; otherwise the body is sent in chunks.
        case stream(length: Int?, next: Puller)
    }

    public let content: Content

    public init(_ content: Content) { self.content = content }

    public static let none = HTTPBody(.none)

    public static func bytes(_ bytes: [UInt8]) -> HTTPBody { HTTPBody(.bytes(bytes)) }

    public static func text(_ text: String) -> HTTPBody { HTTPBody(.bytes(Array(text.utf8))) }

    /// A body pulled from `next`. If the stream ends before `length` bytes, or brings more, the transfer is aborted.
    public static func stream(length: Int? = nil, next: @escaping Puller) -> HTTPBody {
        HTTPBody(.stream(length: length, next: next))
    }

    /// The number of bytes, when it is known without reading.
    public var length: Int? {
        switch content {
        case .none: 0
        case .bytes(let bytes): bytes.count
        case .stream(let length, _): length
        }
    }

    /// Reads the whole body.
    ///
    /// - Parameter limit: most bytes to accept. A larger declared length is refused before anything is read, so that a
    ///   client waiting for `100 Continue` never gets it.
    /// - Throws: ``HTTPBodyError``, `CancellationError`, or what the stream throws.
    public func collect(upTo limit: Int) async throws -> [UInt8] {
        if let length, length > limit { throw HTTPBodyError.tooLarge(limit: limit) }
        switch content {
        case .none: return []
        case .bytes(let bytes): return bytes
        case .stream(let length, let next):
            guard var all = try await next() else { return [] }
            if all.count > limit { throw HTTPBodyError.tooLarge(limit: limit) }
            if let length, length > all.count { all.reserveCapacity(length) }
            while let chunk = try await next() {
                if chunk.count > limit - all.count { throw HTTPBodyError.tooLarge(limit: limit) }
                all.append(contentsOf: chunk)
            }
            return all
        }
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private var content: Content

        init(_ content: Content) { self.content = content }

        public mutating func next() async throws -> [UInt8]? {
            switch content {
            case .none: return nil
            case .bytes(let bytes):
                content = .none
                return bytes.isEmpty ? nil : bytes
            case .stream(_, let next): return try await next()
            }
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(content) }
}

/// Why a body could not be read.
public enum HTTPBodyError: Error, Sendable, Hashable {
    /// More than `limit` bytes; answer 413.
    case tooLarge(limit: Int)
    /// The sender broke the protocol in the middle of the body (bad chunk, wrong length); answer 400.
    case malformed(String)
    /// The sender went away, or was slower than the server's minimum rate.
    case interrupted
}
