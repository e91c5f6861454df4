/// Percent-encoding (RFC 3986 §2.1).
public enum PercentCoding {
    /// The decoded text; nil for a broken `%` sequence, invalid UTF-8 or a NUL.
    ///
    /// - Parameter plusIsSpace: as HTML forms and most clients write queries; never in a path.
    public static func decode(_ text: Substring, plusIsSpace: Bool = false) -> String? {
        let source = text.utf8
        let plain = source.allSatisfy {
            $0 != UInt8(ascii: "%") && $0 != 0 && !(plusIsSpace && $0 == UInt8(ascii: "+"))
        }
        if plain { return String(text) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.count)
        var iterator = source.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next()?.hexValue, let low = iterator.next()?.hexValue else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
    }

    /// The text with everything but RFC 3986's unreserved characters encoded: safe as a segment or a query value.
    public static func encode(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if byte.isUnreserved {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)
}

extension UInt8 {
    fileprivate var hexValue: UInt8? {
        switch self {
        case 48...57: self - 48
        case 65...70: self - 55
        case 97...102: self - 87
        default: nil
        }
    }

    fileprivate var isUnreserved: Bool { isLetterOrDigit || [45, 46, 95, 126].contains(self) }
}
