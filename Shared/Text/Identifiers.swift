/// A phone number as E.164 writes it (`+8613800138000`), with its extension apart.
public struct PhoneNumber: Sendable, Hashable {
    /// `+`, country code and subscriber, digits only.
    public let e164: String
    /// Digits dialled after the connection (`转123`, `ext 123`, `x123`).
    public let dialExtension: String?

    /// Reads what people type: full width, spaces, dashes, brackets, `0086`, `+86`, a trunk `0`.
    ///
    /// - Parameter country: calling code of numbers written without one.
    /// - Returns: nil when it is no complete number, for example a local number without its area code.
    public init?(_ raw: String, country: String = "86") {
        guard let parts = Self.plain(raw) ?? Self.typed(raw) else { return nil }
        var (digits, international) = (parts.digits, parts.international)
        if !international, digits.hasPrefix("00") {
            international = true
            digits.removeFirst(2)
        }
        guard let number = international ? digits : Self.national(digits, country: country),
            (7...15).contains(number.count), !number.hasPrefix("0")
        else { return nil }
        // "+86 (0)10 …": the trunk zero does not belong behind the country code.
        e164 = "+" + (number.hasPrefix("860") ? "86" + number.dropFirst(3) : number)
        dialExtension = parts.suffix.isEmpty ? nil : parts.suffix
    }

    private typealias Parts = (digits: String, suffix: String, international: Bool)

    /// Digits alone, with or without `+`, as programs write a number; nil for other text.
    private static func plain(_ text: String) -> Parts? {
        let utf8 = text.utf8
        let digits = utf8.first == UInt8(ascii: "+") ? utf8.dropFirst() : utf8[...]
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return (String(Substring(digits)), "", digits.startIndex != utf8.startIndex)
    }

    /// What people type; nil for what no number has.
    private static func typed(_ text: String) -> Parts? {
        var (digits, suffix, international, inExtension) = ("", "", false, false)
        for character in foldedText(text) {
            switch character {
            case "0"..."9" where inExtension: suffix.append(character)
            case "0"..."9": digits.append(character)
            case "+" where digits.isEmpty && !international: international = true
            case "转", "轉", "x",
                "#" where !digits.isEmpty, "e" where !digits.isEmpty:
                inExtension = true
            case "t" where inExtension, "n" where inExtension, ":" where inExtension: continue
            case " ", "-", "(", ")", ".", "/", "\u{2010}"..."\u{2015}", "\t": continue
            default: return nil
            }
        }
        return (digits, suffix, international)
    }

    /// Country code and subscriber of a number written without `+`; nil when that cannot be known.
    private static func national(_ digits: String, country: String) -> String? {
        guard country == "86" else {
            let subscriber = digits.drop { $0 == "0" }
            return subscriber.count >= 6 ? country + subscriber : nil
        }
        let second = digits.dropFirst().first ?? "0"
        switch digits.count {
        case 11 where digits.hasPrefix("1") && second >= "3": return "86" + digits
        case 13 where digits.hasPrefix("861"): return digits
        case 10...12 where digits.hasPrefix("0"): return "86" + digits.dropFirst()
        case 10 where digits.hasPrefix("400") || digits.hasPrefix("800"): return "86" + digits
        default: return nil
        }
    }
}

/// An e-mail address in the form used for comparing.
public enum EmailAddress {
    /// Trimmed, half width, small letters; nil when it is no address (no `@`, spaces, broken domain).
    public static func normalized(_ raw: String) -> String? {
        if isPlain(raw.utf8) { return raw }
        let text = foldedText(raw).trimmed
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...64).contains(parts[0].utf8.count), text.utf8.count <= 254 else { return nil }
        guard !parts[0].hasPrefix("."), !parts[0].hasSuffix("."), !parts[0].contains("..") else { return nil }
        guard
            parts[0].unicodeScalars.allSatisfy({ $0.value > 0x20 && !"()<>[],;:\\\"\u{7F}".unicodeScalars.contains($0) }
            )
        else { return nil }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2, labels.allSatisfy(isLabel) else { return nil }
        return text
    }

    /// Whether it is an address of small letters, digits, single dots and hyphens, as most are: normal already.
    private static func isPlain(_ text: String.UTF8View) -> Bool {
        guard (3...254).contains(text.count) else { return false }
        var (labels, length, domain, last) = (0, 0, false, UInt8(ascii: "."))
        for byte in text {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): length += 1
            case UInt8(ascii: "-") where last != UInt8(ascii: ".") && last != UInt8(ascii: "@"): length += 1
            case UInt8(ascii: "."), UInt8(ascii: "@"):
                guard length > 0, last != UInt8(ascii: "-"), last != UInt8(ascii: ".") else { return false }
                if byte == UInt8(ascii: "@") {
                    guard !domain else { return false }
                    (domain, length) = (true, 0)
                } else if domain {
                    (labels, length) = (labels + 1, 0)
                }
            default: return false
            }
            guard length <= 63 else { return false }
            last = byte
        }
        return domain && labels > 0 && length > 0 && last != UInt8(ascii: "-")
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
            && label.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }
    }
}

/// 统一社会信用代码 (GB 32100): 18 characters, the last of which checks the others.
public struct UnifiedSocialCreditCode: Sendable, Hashable {
    /// Capitals, half width.
    public let text: String

    private static let alphabet = Array("0123456789ABCDEFGHJKLMNPQRTUWXY")

    /// - Returns: nil for a wrong length, a letter the standard leaves out (I O S V Z), or a wrong check character.
    public init?(_ raw: String) {
        let text = foldedText(raw).trimmed.uppercased()
        let values = text.compactMap { Self.alphabet.firstIndex(of: $0) }
        guard text.count == 18, values.count == 18 else { return nil }
        var weight = 1
        var sum = 0
        for value in values.dropLast() {
            sum += value * weight
            weight = weight * 3 % 31
        }
        guard (31 - sum % 31) % 31 == values[17] else { return nil }
        self.text = text
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }),
            let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
