/// The languages Guanxi speaks to people.
public enum Language: String, Sendable, Hashable, Codable, CaseIterable {
    case english = "en"
    case chinese = "zh"

    /// The best match of an `Accept-Language` header (RFC 9110 §12.5.4); English when nothing matches.
    ///
    /// Sub-tags (`zh-Hans-CN`) count as their language, `*` as English, `q=0` excludes. A malformed weight counts as 0.
    public init(acceptLanguage header: String?) {
        var best: (language: Language, weight: Double) = (.english, 0)
        for range in (header ?? "").prefix(256).split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.trimmingSpaces }
            guard let tag = parts.first?.lowercased(), let language = Language(tag: tag) else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            if weight > best.weight { best = (language, weight) }
        }
        self = best.language
    }

    private init?(tag: String) {
        if tag == "*" {
            self = .english
        } else if let language = Language(rawValue: String(tag.prefix { $0 != "-" })) {
            self = language
        } else {
            return nil
        }
    }
}

extension Substring {
    /// The text without spaces and tabs at its ends.
    var trimmingSpaces: String {
        var rest = self.drop { $0 == " " || $0 == "\t" }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return String(rest)
    }
}

/// A text for people in each language of Guanxi.
public struct LocalizedText: Sendable, Hashable, ExpressibleByStringInterpolation {
    public let english: String
    public let chinese: String

    public init(en english: String, zh chinese: String) {
        self.english = english
        self.chinese = chinese
    }

    /// A text that reads the same in each language, or for which only English exists.
    public init(stringLiteral value: String) {
        self.init(en: value, zh: value)
    }

    /// The text in `language`.
    public func callAsFunction(_ language: Language) -> String {
        switch language {
        case .english: english
        case .chinese: chinese
        }
    }
}
