/// `GET /v1/leads?limit=5 HTTP/1.1`
struct RequestLine {
    let method: HTTPMethod
    let target: String
    let isHTTP10: Bool

    init(_ bytes: borrowing Span<UInt8>, _ line: Range<Int>, limits: HTTPLimits) throws(HTTPRefusal) {
        var spaces = (first: -1, second: -1)
        for index in line where bytes[index] == Byte.space {
            if spaces.first < 0 {
                spaces.first = index
            } else if spaces.second < 0 {
                spaces.second = index
            } else {
                throw .bad("The request line has more than three parts.")
            }
        }
        guard spaces.first > line.lowerBound, spaces.second > spaces.first + 1 else {
            throw .bad("The request line must be a method, a target and a version with one space between.")
        }
        isHTTP10 = try Self.isHTTP10(bytes.extracting(spaces.second + 1..<line.upperBound))
        method = try Self.method(bytes, line.lowerBound..<spaces.first)
        target = try Self.target(bytes, spaces.first + 1..<spaces.second, method: method, limits: limits)
    }

    private static func isHTTP10(_ version: borrowing Span<UInt8>) throws(HTTPRefusal) -> Bool {
        let name: StaticString = "HTTP/"
        var isWellFormed = version.count == 8
        if isWellFormed {
            for index in 0..<5 where version[index] != name.utf8Start[index] { isWellFormed = false }
            isWellFormed =
                isWellFormed && Byte.isDigit(version[5]) && version[6] == Byte.dot && Byte.isDigit(version[7])
        }
        guard isWellFormed else { throw .bad("The request line must end in HTTP/1.1.") }
        guard version[5] == UInt8(ascii: "1"), version[7] <= UInt8(ascii: "1") else {
            throw HTTPRefusal(.versionNotSupported, "This server speaks HTTP/1.1.")
        }
        return version[7] == UInt8(ascii: "0")
    }

    private static func method(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) throws(HTTPRefusal) -> HTTPMethod {
        for index in range where !Byte.isToken(bytes[index]) {
            throw .bad("The method contains a character that is not allowed.")
        }
        guard range.count <= 7, let text = bytes.text(range), let method = HTTPMethod(rawValue: text) else {
            throw HTTPRefusal(.notImplemented, "This server does not know the method.")
        }
        return method
    }

    /// Checks the target and leaves it undecoded: routes are matched by raw segments.
    private static func target(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>, method: HTTPMethod, limits: HTTPLimits
    ) throws(HTTPRefusal) -> String {
        guard range.count <= limits.target else {
            throw HTTPRefusal(.uriTooLong, "The request target is longer than \(limits.target) bytes.")
        }
        let isAsterisk = range.count == 1 && bytes[range.lowerBound] == UInt8(ascii: "*") && method == .options
        guard isAsterisk || bytes[range.lowerBound] == Byte.slash else {
            throw .bad("The request target must begin with a slash.")
        }
        var checker = TargetChecker()
        for index in range { try checker.add(bytes[index]) }
        try checker.end()
        guard let text = bytes.text(range) else { throw .bad("The request target must be ASCII.") }
        return text
    }
}

/// Refuses what proxies, routers and file systems read differently.
private struct TargetChecker {
    private var inQuery = false
    /// Hexadecimal digits still due after `%`, and their value so far.
    private var digitsDue = 0
    private var encoded: UInt8 = 0
    /// Length of the segment, as long as it consists of dots only; -1 otherwise.
    private var dots = -1

    mutating func add(_ byte: UInt8) throws(HTTPRefusal) {
        if digitsDue > 0 {
            guard let value = Byte.hexValue(byte) else {
                throw .bad("A percent sign in the request target must be followed by two hexadecimal digits.")
            }
            encoded = encoded << 4 | value
            digitsDue -= 1
            guard digitsDue == 0 else { return }
            if encoded == 0 { throw .bad("The request target must not contain %00.") }
            if !inQuery { try addToSegment(encoded == Byte.slash ? 0xFF : encoded) }
            return
        }
        switch byte {
        case Byte.percent:
            digitsDue = 2
            encoded = 0
        case UInt8(ascii: "\\"), UInt8(ascii: "#"), 0...0x20, 0x7F...0xFF:
            throw .bad("The request target contains a character that must be percent-encoded.")
        case UInt8(ascii: "?") where !inQuery:
            try endSegment()
            inQuery = true
        default: if !inQuery { try addToSegment(byte) }
        }
    }

    private mutating func addToSegment(_ byte: UInt8) throws(HTTPRefusal) {
        if byte == Byte.slash {
            try endSegment()
            dots = 0
        } else if byte == Byte.dot, dots >= 0 {
            dots += 1
        } else {
            dots = -1
        }
    }

    private func endSegment() throws(HTTPRefusal) {
        if dots == 1 || dots == 2 { throw .bad("The request target must not contain the segments . or .. .") }
    }

    func end() throws(HTTPRefusal) {
        guard digitsDue == 0 else {
            throw .bad("A percent sign in the request target must be followed by two hexadecimal digits.")
        }
        if !inQuery { try endSegment() }
    }
}
