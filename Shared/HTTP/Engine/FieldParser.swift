/// Collects header lines, checks them, and keeps what framing depends on.
struct FieldParser {
    private let limits: HTTPLimits
    private(set) var headers = HTTPHeaders()
    private(set) var hosts = 0
    private(set) var saysClose = false
    private(set) var expectsContinue = false
    private var contentLength: Int?
    private var isChunked = false

    init(limits: HTTPLimits) {
        self.limits = limits
        headers.reserve(8)
    }

    /// Adds the line in `line`, which has no line end.
    mutating func add(_ bytes: borrowing Span<UInt8>, _ line: Range<Int>) throws(HTTPRefusal) {
        let (nameRange, valueRange) = try Self.split(bytes, line)
        guard let name = bytes.text(nameRange), let value = bytes.text(valueRange) else {
            throw .bad("A header value is not UTF-8.")
        }
        try note(bytes.extracting(nameRange), bytes.extracting(valueRange), value)
        headers.add(name, value)
    }

    /// The name and the trimmed value of a line.
    static func split(
        _ bytes: borrowing Span<UInt8>, _ line: Range<Int>
    ) throws(HTTPRefusal) -> (name: Range<Int>, value: Range<Int>) {
        if let first = line.first, Byte.isBlank(bytes[first]) {
            throw .bad("A header line must not begin with a space (no folded lines).")
        }
        var colon = line.lowerBound
        while colon < line.upperBound, bytes[colon] != Byte.colon {
            guard Byte.isToken(bytes[colon]) else {
                throw .bad("A header name contains a space or another character that is not allowed.")
            }
            colon += 1
        }
        guard colon < line.upperBound else { throw .bad("A header line has no colon.") }
        guard colon > line.lowerBound else { throw .bad("A header line has no name.") }
        return (line.lowerBound..<colon, bytes.trimming(colon + 1..<line.upperBound))
    }

    /// Looks at the fields that decide about framing, the connection and the host.
    private mutating func note(
        _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>, _ text: String
    ) throws(HTTPRefusal) {
        switch name.count {
        case 4 where name.equalsIgnoringCase("host"):
            hosts += 1
            for index in value.indices where !Self.isHostByte(value[index]) {
                throw .bad("The Host header is not a host and port.")
            }
        case 6 where name.equalsIgnoringCase("expect"):
            guard value.equalsIgnoringCase("100-continue") else {
                throw HTTPRefusal(.expectationFailed, "The only expectation this server meets is 100-continue.")
            }
            expectsContinue = true
        case 10 where name.equalsIgnoringCase("connection"):
            if value.equalsIgnoringCase("close") {
                saysClose = true
            } else if text.utf8.contains(UInt8(ascii: ",")) {
                saysClose =
                    saysClose
                    || HTTPHeaders(dictionaryLiteral: ("c", text)).list("c").contains { HTTPHeaders.same($0, "close") }
            }
        case 14 where name.equalsIgnoringCase("content-length"):
            guard contentLength == nil else { throw .bad("There is more than one Content-Length.") }
            contentLength = try Self.length(value)
        case 17 where name.equalsIgnoringCase("transfer-encoding"):
            guard !isChunked, value.equalsIgnoringCase("chunked") else {
                throw .bad("The only Transfer-Encoding accepted is chunked, once.")
            }
            isChunked = true
        default: break
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case Byte.dot, Byte.colon, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "["), UInt8(ascii: "]"): true
        default: false
        }
    }

    private static func length(_ value: borrowing Span<UInt8>) throws(HTTPRefusal) -> Int {
        guard !value.isEmpty else { throw .bad("Content-Length is empty.") }
        var length = 0
        for index in value.indices {
            guard Byte.isDigit(value[index]) else { throw .bad("Content-Length must consist of digits.") }
            let (tens, first) = length.multipliedReportingOverflow(by: 10)
            let (sum, second) = tens.addingReportingOverflow(Int(value[index] - 0x30))
            guard !first, !second else { throw .bad("Content-Length is too large.") }
            length = sum
        }
        return length
    }

    /// How the body is framed, once all lines are in.
    func framing(isHTTP10: Bool) throws(HTTPRefusal) -> RequestHead.Framing {
        if isChunked {
            guard contentLength == nil else { throw .bad("Content-Length and Transfer-Encoding exclude each other.") }
            guard !isHTTP10 else { throw .bad("HTTP/1.0 has no Transfer-Encoding.") }
            return .chunked
        }
        guard let contentLength else { return .none }
        guard contentLength <= limits.body else {
            throw HTTPRefusal(.contentTooLarge, "The body is larger than \(limits.body) bytes.")
        }
        return .length(contentLength)
    }
}
