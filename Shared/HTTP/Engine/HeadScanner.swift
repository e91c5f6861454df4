/// Finds the end of a request head in bytes that arrive in any pieces, looking at each byte once.
///
/// Refuses what no head may contain (bare CR, bare LF, controls) and heads beyond the limits, always at the same byte
/// whatever the pieces, so that splitting a message never changes the verdict.
struct HeadScanner {
    private let limits: HTTPLimits
    private var position = 0
    private var lineStart = 0
    private var afterCR = false
    private var sawRequestLine = false
    /// The first position that is too far, and the answer to reaching it.
    private var bound: Int

    /// Room for the method, two spaces, the version and the line's end.
    private static let requestLineOverhead = 64

    init(limits: HTTPLimits) {
        self.limits = limits
        bound = limits.target + Self.requestLineOverhead
    }

    /// Whether part of a head was seen.
    var hasBegun: Bool { position > 0 }

    /// - Parameter input: everything since the head began.
    /// - Returns: the head's length with the empty line, or `nil` until it is complete.
    mutating func scan(_ input: borrowing Span<UInt8>) throws(HTTPRefusal) -> Int? {
        while position < input.count {
            if position >= bound {
                throw sawRequestLine
                    ? HTTPRefusal(.headersTooLarge, "The header section is larger than \(limits.headers) bytes.")
                    : HTTPRefusal(.uriTooLong, "The request target is longer than \(limits.target) bytes.")
            }
            if !afterCR { skipText(input) }
            guard position < min(input.count, bound) else { continue }
            let byte = input[position]
            position += 1
            if try endsHead(byte) { return position }
        }
        return nil
    }

    /// Most of a head is text, of which only its end is of interest.
    private mutating func skipText(_ input: borrowing Span<UInt8>) {
        let end = min(input.count, bound)
        var index = position
        while index < end, input[index] >= 0x20, input[index] != 0x7F { index += 1 }
        position = index
    }

    /// Handles a byte that ends text, or one after a carriage return; `true` at the end of the head.
    private mutating func endsHead(_ byte: UInt8) throws(HTTPRefusal) -> Bool {
        switch byte {
        case Byte.lineFeed:
            guard afterCR else { throw .bad("A line must end in CR LF, not in LF alone.") }
            afterCR = false
            let isEmpty = position - lineStart == 2
            lineStart = position
            if isEmpty, sawRequestLine { return true }
            // One empty line before the request line is tolerated (RFC 9112 §2.2); a second one is no request line.
            if isEmpty, position > 2 { throw .bad("The request line is empty.") }
            if !isEmpty, !sawRequestLine {
                sawRequestLine = true
                bound = position + limits.headers + 2
            }
            return false
        case _ where afterCR: throw .bad("A carriage return must be followed by a line feed.")
        case Byte.carriageReturn:
            afterCR = true
            return false
        case Byte.tab: return false
        default: throw .bad("The request head contains a control character.")
        }
    }
}
