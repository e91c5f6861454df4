/// Cuts a body out of the bytes of a connection.
struct BodyDecoder {
    enum Step {
        case needsMore
        case chunk([UInt8])
        case end
    }

    private var kind: Kind

    private enum Kind {
        case length(Int)
        case chunked(ChunkedDecoder)
    }

    init(_ framing: RequestHead.Framing, limits: HTTPLimits) {
        kind =
            switch framing {
            case .none: .length(0)
            case .length(let length): .length(length)
            case .chunked: .chunked(ChunkedDecoder(limits: limits))
            }
    }

    /// Bytes still to come, if known.
    var remaining: Int? {
        if case .length(let left) = kind { left } else { nil }
    }

    /// Takes the next piece of at most `limit` bytes. After `end`, what is left in `input` is the next request's.
    mutating func next(_ input: inout InputBuffer, upTo limit: Int = 64 * 1024) throws(HTTPRefusal) -> Step {
        switch kind {
        case .length(let left):
            if left == 0 { return .end }
            if input.isEmpty { return .needsMore }
            let bytes = input.take(upTo: min(left, limit))
            kind = .length(left - bytes.count)
            return .chunk(bytes)
        case .chunked(var decoder):
            defer { kind = .chunked(decoder) }
            return try decoder.next(&input, upTo: limit)
        }
    }
}

/// `chunked` of RFC 9112 §7.1, read strictly: hexadecimal sizes of at most 8 digits, CR LF, bounded extensions that
/// are ignored, bounded trailers that are checked and dropped.
struct ChunkedDecoder {
    private enum State {
        case size(UInt32, digits: Int)
        case extensions(UInt32)
        case sizeEnd(UInt32)
        case data(Int)
        case dataCR
        case dataEnd
        case trailer
        case over
    }

    private let limits: HTTPLimits
    private var state = State.size(0, digits: 0)
    private var total = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerLine: [UInt8] = []

    init(limits: HTTPLimits) { self.limits = limits }

    mutating func next(_ input: inout InputBuffer, upTo limit: Int) throws(HTTPRefusal) -> BodyDecoder.Step {
        while true {
            if case .over = state { return .end }
            if case .data(let left) = state {
                if input.isEmpty { return .needsMore }
                let bytes = input.take(upTo: min(left, limit))
                state = bytes.count == left ? .dataCR : .data(left - bytes.count)
                return .chunk(bytes)
            }
            guard try readFraming(&input) else { return .needsMore }
        }
    }

    /// Reads what is not data; `false` when `input` ends before.
    private mutating func readFraming(_ input: inout InputBuffer) throws(HTTPRefusal) -> Bool {
        var taken = 0
        defer { input.consume(taken) }
        for index in input.range {
            taken += 1
            try read(input.storage[index])
            switch state {
            case .data, .over: return true
            default: break
            }
        }
        return false
    }

    private mutating func read(_ byte: UInt8) throws(HTTPRefusal) {
        switch state {
        case .size(let value, let digits): try readSize(byte, value, digits)
        case .extensions(let size):
            if byte == Byte.carriageReturn {
                state = .sizeEnd(size)
            } else {
                extensionBytes += 1
                guard extensionBytes <= limits.chunkExtensions, byte >= 0x20 || byte == Byte.tab, byte != 0x7F else {
                    throw .bad("A chunk extension is too long or contains a control character.")
                }
            }
        case .sizeEnd(let size):
            guard byte == Byte.lineFeed else { throw .bad("A chunk size must end in CR LF.") }
            guard size > 0 else {
                state = .trailer
                return
            }
            guard Int(size) <= limits.body - total else {
                throw HTTPRefusal(.contentTooLarge, "The body is larger than \(limits.body) bytes.")
            }
            total += Int(size)
            state = .data(Int(size))
        case .dataCR:
            guard byte == Byte.carriageReturn else { throw .bad("A chunk is longer than its size.") }
            state = .dataEnd
        case .dataEnd:
            guard byte == Byte.lineFeed else { throw .bad("A chunk must end in CR LF.") }
            state = .size(0, digits: 0)
        case .trailer: try readTrailer(byte)
        case .data, .over: break
        }
    }

    private mutating func readSize(_ byte: UInt8, _ value: UInt32, _ digits: Int) throws(HTTPRefusal) {
        if let digit = Byte.hexValue(byte) {
            guard digits < 8 else { throw .bad("A chunk size has more than 8 digits.") }
            state = .size(value << 4 | UInt32(digit), digits: digits + 1)
        } else if digits > 0, byte == Byte.carriageReturn {
            state = .sizeEnd(value)
        } else if digits > 0, byte == Byte.semicolon {
            extensionBytes += 1
            state = .extensions(value)
        } else {
            throw .bad("A chunk size must consist of hexadecimal digits.")
        }
    }

    private mutating func readTrailer(_ byte: UInt8) throws(HTTPRefusal) {
        trailerBytes += 1
        guard trailerBytes <= limits.trailers else {
            throw HTTPRefusal(.headersTooLarge, "The trailer section is larger than \(limits.trailers) bytes.")
        }
        if trailerLine.last == Byte.carriageReturn {
            guard byte == Byte.lineFeed else { throw .bad("A carriage return must be followed by a line feed.") }
            if trailerLine.count == 1 {
                state = .over
            } else {
                _ = try FieldParser.split(trailerLine.span, 0..<trailerLine.count - 1)
            }
            trailerLine.removeAll()
            return
        }
        guard byte >= 0x20 || byte == Byte.tab || byte == Byte.carriageReturn, byte != 0x7F else {
            throw .bad("The trailer section contains a control character.")
        }
        trailerLine.append(byte)
    }
}
