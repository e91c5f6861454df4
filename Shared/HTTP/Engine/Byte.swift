/// Byte values and classes of HTTP's grammar.
enum Byte {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let colon = UInt8(ascii: ":")
    static let semicolon = UInt8(ascii: ";")
    static let percent = UInt8(ascii: "%")
    static let slash = UInt8(ascii: "/")
    static let dot = UInt8(ascii: ".")

    /// `tchar` of RFC 9110 §5.6.2, a bit for each ASCII code.
    private static let tokenLow: UInt64 = bits("!#$%&'*+-.0123456789").0
    private static let tokenHigh: UInt64 = bits("ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~").1

    private static func bits(_ characters: StaticString) -> (UInt64, UInt64) {
        characters.withUTF8Buffer { buffer in
            var low: UInt64 = 0
            var high: UInt64 = 0
            for byte in buffer {
                if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
            }
            return (low, high)
        }
    }

    static func isToken(_ byte: UInt8) -> Bool {
        byte < 64 ? tokenLow >> UInt64(byte) & 1 == 1 : byte < 128 && tokenHigh >> UInt64(byte - 64) & 1 == 1
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// The value of a hexadecimal digit.
    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    static func lowered(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}

extension Span<UInt8> {
    /// Whether the bytes are `text`, which is in lower case, but for the case of ASCII letters.
    func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let text = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        for index in indices where Byte.lowered(self[index]) != text[index] { return false }
        return true
    }

    /// The range without blanks at both ends.
    func trimming(_ range: Range<Int>) -> Range<Int> {
        var range = range
        while let first = range.first, Byte.isBlank(self[first]) { range = first + 1..<range.upperBound }
        while let last = range.last, Byte.isBlank(self[last]) { range = range.lowerBound..<last }
        return range
    }

    /// The bytes of a range as text, `nil` unless they are UTF-8.
    func text(_ range: Range<Int>) -> String? {
        guard let validated = try? UTF8Span(validating: extracting(range)) else { return nil }
        return String(copying: validated)
    }
}
