/// The head of a request that passed every check.
struct RequestHead {
    /// How the body's end is known (RFC 9112 §6.3).
    enum Framing: Hashable {
        case none
        case length(Int)
        case chunked
    }

    var method: HTTPMethod
    var target: String
    /// HTTP/1.0: no chunks, and the connection ends with the answer.
    var isHTTP10: Bool
    var headers: HTTPHeaders
    var framing: Framing
    /// The client keeps the connection open.
    var keepsAlive: Bool
    /// The client sends the body after `100 Continue`.
    var expectsContinue: Bool
}

extension RequestHead {
    /// Parses a head whose end ``HeadScanner`` found.
    ///
    /// - Parameter bytes: the head with its line ends; every CR is followed by LF and the reverse.
    init(_ bytes: borrowing Span<UInt8>, limits: HTTPLimits) throws(HTTPRefusal) {
        let start = bytes[0] == Byte.carriageReturn ? 2 : 0
        let line = start..<bytes.endOfLine(from: start)
        let requestLine = try RequestLine(bytes, line, limits: limits)
        var fields = FieldParser(limits: limits)
        var position = line.upperBound + 2
        while bytes[position] != Byte.carriageReturn {
            let end = bytes.endOfLine(from: position)
            try fields.add(bytes, position..<end)
            position = end + 2
        }
        let framing = try fields.framing(isHTTP10: requestLine.isHTTP10)
        guard fields.hosts == 1 || (requestLine.isHTTP10 && fields.hosts == 0) else {
            throw .bad("An HTTP/1.1 request needs exactly one Host header.")
        }
        guard fields.headers.fields.count <= limits.headerCount else {
            throw HTTPRefusal(.headersTooLarge, "There are more than \(limits.headerCount) header lines.")
        }
        method = requestLine.method
        target = requestLine.target
        isHTTP10 = requestLine.isHTTP10
        headers = fields.headers
        self.framing = framing
        keepsAlive = !isHTTP10 && !fields.saysClose
        expectsContinue = !isHTTP10 && fields.expectsContinue && framing != .none && framing != .length(0)
    }
}

extension Span<UInt8> {
    /// The position of the next CR.
    fileprivate func endOfLine(from start: Int) -> Int {
        var position = start
        while self[position] != Byte.carriageReturn { position += 1 }
        return position
    }
}
