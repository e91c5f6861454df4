import Foundation
import JSON
import Text
import Values

extension ObjectSchema {
    /// A line of text as it would be stored; nil for what is refused.
    public func cleaned(_ text: String) -> String? { TextRules.cleaned(text, multiline: false) }
}

/// What text may be stored: trimmed, NFC, without control characters.
enum TextRules {
    /// The text as it is stored, or nil when it has characters that are refused.
    static func cleaned(_ text: String, multiline: Bool) -> String? {
        var cheap = true
        for scalar in text.unicodeScalars {
            if isRefused(scalar, multiline: multiline) { return nil }
            cheap = cheap && isInert(scalar)
        }
        let normal = cheap ? text : text.precomposedStringWithCanonicalMapping
        return trimmed(normal)
    }

    private static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.first, let last = scalars.last else { return text }
        guard first.properties.isWhitespace || last.properties.isWhitespace else { return text }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Control characters, and the marks that turn the direction of what follows (names could be disguised by them).
    private static func isRefused(_ scalar: Unicode.Scalar, multiline: Bool) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D: !multiline
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069, 0xFFFE, 0xFFFF: true
        default: false
        }
    }

    /// Whether no normalisation can touch the character: Latin, the common Han, full width.
    private static func isInert(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x300, 0x2010...0x2027, 0x3000...0x3029, 0x4E00...0x9FFF, 0xFF01...0xFF5E: true
        default: false
        }
    }

    static func isPhone(_ text: String) -> Bool {
        let digits = text.unicodeScalars.count { ("0"..."9").contains($0) || ("０"..."９").contains($0) }
        let others = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.numericType != nil || " +-()（）./－—＋#转轉extEXT:*".unicodeScalars.contains(scalar)
        }
        return digits >= 5 && digits <= 20 && others && text.unicodeScalars.count <= 40
    }

    static func isEmail(_ text: String) -> Bool { EmailAddress.normalized(text) != nil }

    static func isURL(_ text: String) -> Bool {
        guard text.unicodeScalars.count <= 2000, let url = URL(string: text), let host = url.host() else {
            return false
        }
        return ["http", "https"].contains(url.scheme?.lowercased() ?? "") && !host.isEmpty
    }
}
