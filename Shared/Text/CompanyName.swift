/// A company's name, taken apart for matching.
///
/// `key` answers "the same name, written differently?" exactly; `match(_:)` answers "the same company, named
/// differently?" with a score and its reasons.
public struct CompanyName: Sendable, Hashable {
    /// Equal for spellings of one name: width, case, accents, traditional characters, legal form, punctuation,
    /// 市 and 省 behind a leading region, and the order of Latin words do not count. "" when nothing is left.
    public let key: String

    /// The Chinese part, without legal form.
    private let han: String
    /// Latin words and numbers, without legal form, in alphabetical order.
    let words: [String]

    public init(_ raw: String) {
        if let words = Self.plainWords(of: raw) {
            self.words = LegalForm.stripped(words).sorted()
            han = ""
            key = self.words.joined(separator: " ")
            return
        }
        let folded = Simplified.text(foldedText(raw))
        let plain =
            folded.unicodeScalars.contains { (0xC0...0x24F).contains($0.value) } ? Self.latin.apply(folded) : folded
        let parts = Self.scripts(of: plain)
        words = LegalForm.stripped(parts.words).sorted()
        var han = LegalForm.stripped(parts.han)
        // 北京市某公司 and 北京某公司 are one spelling; what the region means is left to `match`.
        if let region = Regions.prefix(of: han[...]), !region.rest.isEmpty { han = region.name + region.rest }
        self.han = han
        key = ([han] + words).filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// Where a name says that its company is.
    struct Placement {
        /// Places named at its ends, short: `中国移动北京分公司` → `["北京"]`.
        var regions: [String] = []
        /// Whether it names the whole country (中国).
        var isNational = false
        /// The Chinese part without places and group words.
        var core = ""
    }

    /// What ``scripts(of:)`` finds in pure ASCII, the most common case by far; nil for other text.
    private static func plainWords(of text: String) -> [String]? {
        var words: [String] = []
        var word: [UInt8] = []
        func close() {
            if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
            word.removeAll(keepingCapacity: true)
        }
        for byte in text.utf8 {
            switch byte {
            case 0x80...: return nil
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): word.append(byte | 0x20)
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): word.append(byte)
            case UInt8(ascii: "&"), UInt8(ascii: "+"):
                close()
                words.append("and")
            case UInt8(ascii: "."), UInt8(ascii: "'"): continue  // dots stay inside: s.a. is sa
            default: close()
            }
        }
        close()
        return words
    }

    private static let latin = Transliterator("Latin-ASCII")

    /// Chinese characters joined, and the Latin words around them.
    private static func scripts(of text: String) -> (han: String, words: [String]) {
        var han = ""
        var words: [String] = []
        var word = ""
        func close() {
            if !word.isEmpty { words.append(word) }
            word = ""
        }
        for character in text {
            if character.unicodeScalars.first?.isHan == true {
                close()
                han.append(character)
            } else if character.isLetter || character.isNumber {
                word.append(character)
            } else if character == "&" || character == "+" {
                close()
                words.append("and")
            } else if character != "." && character != "'" && character != "’" {
                close()  // dots stay inside: s.a. is sa
            }
        }
        close()
        return (han, words)
    }

    /// Takes places off both ends while something is left.
    func placement() -> Placement {
        guard !han.isEmpty else { return Placement() }
        var rest = han[...]
        var regions: [String] = []
        var isNational = false
        func take(_ found: (name: String, rest: Substring)?) -> Bool {
            guard let found, !found.rest.isEmpty else { return false }
            if !regions.contains(found.name) { regions.append(found.name) }
            rest = found.rest
            return true
        }
        if let nation = Regions.nation.first(where: { rest.hasPrefix($0) && rest.count > $0.count }) {
            isNational = true
            rest = rest.dropFirst(nation.count)
        }
        for word in ["分公司", "分行", "支行", "办事处", "分部"] where rest.hasSuffix(word) && rest.count > word.count {
            rest = rest.dropLast(word.count)
        }
        while take(Regions.prefix(of: rest)) {}
        while take(Regions.suffix(of: rest)) {}
        let core = String(rest).replacing("集团", with: "")
        return Placement(regions: regions, isNational: isNational, core: core.isEmpty ? String(rest) : core)
    }
}

/// Words that say what a company is in law, not who it is.
enum LegalForm {
    private static let chinese = ["股份有限公司", "有限责任公司", "责任有限公司", "有限公司", "股份公司"]
    private static let latin: Set<String> = [
        "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "llc", "llp", "lp", "plc",
        "gmbh", "mbh", "ag", "kg", "ohg", "ug", "se", "sa", "sas", "sarl", "srl", "spa", "bv", "nv", "ab", "oy",
        "oyj", "as", "asa", "aps", "pte", "pty", "sdn", "bhd", "kk", "group", "holding", "holdings", "and",
    ]

    /// `acme`, `and`, `co`, `kg` → `acme`. A leading "the" goes too; a name never becomes empty.
    static func stripped(_ words: [String]) -> [String] {
        var rest = words[...]
        while rest.count > 1, let last = rest.last, latin.contains(last) { rest.removeLast() }
        if rest.count > 1, rest.first == "the" { rest.removeFirst() }
        return Array(rest)
    }

    /// Legal forms anywhere (…有限公司北京分公司), then 公司 and 集团 at the end. A name never becomes empty.
    static func stripped(_ han: String) -> String {
        if chinese.contains(han) { return han }
        var rest = han
        for form in chinese where rest.count > form.count { rest = rest.replacing(form, with: "") }
        for word in ["总公司", "公司", "集团"] where rest.hasSuffix(word) && !rest.hasSuffix("分公司") && rest.count > word.count
        {
            rest.removeLast(word.count)
        }
        return rest.isEmpty ? han : rest
    }
}
