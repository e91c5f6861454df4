/// How alike two company names are, and why.
public struct CompanyNameMatch: Sendable, Hashable {
    /// 0 (nothing in common) to 1 (one spelling of one name), two digits.
    public let score: Double
    public let reasons: [Reason]

    /// A score from which two names are likely one company.
    public static let likely = 0.8

    public enum Reason: Sendable, Hashable {
        case sameName
        case sameCore(String)
        case similarCore(String, String)
        case sameRegion(String)
        case differentRegions(String, String)
        case regionOnlyInOne(String)
        case nationIgnored
        case genericName(String)
        case sameWords([String])

        /// One sentence for the person who decides.
        public func text(language: String) -> String {
            let zh = language.hasPrefix("zh")
            switch self {
            case .sameName: return zh ? "规范化后名称相同" : "the same name after normalisation"
            case .sameCore(let core): return zh ? "主体相同：\(core)" : "the same name without places: \(core)"
            case .similarCore(let a, let b): return zh ? "主体相近：\(a) / \(b)" : "similar names: \(a) / \(b)"
            case .sameRegion(let region): return zh ? "地区相同：\(region)" : "the same place: \(region)"
            case .differentRegions(let a, let b): return zh ? "地区不同：\(a) / \(b)" : "different places: \(a) / \(b)"
            case .regionOnlyInOne(let region): return zh ? "仅一方含地区：\(region)" : "a place in one name only: \(region)"
            case .nationIgnored: return zh ? "忽略“中国”" : "中国 left out of account"
            case .genericName(let core): return zh ? "主体为通用词：\(core)" : "a generic word alone: \(core)"
            case .sameWords(let words):
                return (zh ? "共同词语：" : "words in common: ") + words.joined(separator: " ")
            }
        }
    }
}

extension CompanyName {
    /// Words that name a trade: companies that share only these are not one (中国银行北京, 北京银行).
    private static let generic: Set<String> = [
        "银行", "保险", "证券", "科技", "贸易", "商贸", "电力", "石油", "石化", "建筑", "建设", "地产", "汽车", "航空", "铁路",
        "烟草", "邮政", "大学", "医院", "酒店", "传媒", "投资", "信息", "网络", "软件", "电子", "医药", "食品", "能源", "人寿",
    ]

    /// Compares with another name. 北京移动 and 中国移动北京 score above `CompanyNameMatch.likely`, 上海移动 far below.
    public func match(_ other: CompanyName) -> CompanyNameMatch {
        guard !key.isEmpty, !other.key.isEmpty else { return CompanyNameMatch(score: 0, reasons: []) }
        if key == other.key { return CompanyNameMatch(score: 1, reasons: [.sameName]) }
        var reasons: [CompanyNameMatch.Reason] = []
        let (mine, theirs) = (placement(), other.placement())
        var score = coreScore(other, mine.core, theirs.core, &reasons)
        if mine.isNational != theirs.isNational {
            reasons.append(.nationIgnored)
            if mine.core == theirs.core, Self.generic.contains(mine.core) {
                reasons.append(.genericName(mine.core))
                score *= 0.5
            } else {
                score *= 0.95
            }
        }
        score *= Self.regionFactor(mine.regions, theirs.regions, &reasons)
        return CompanyNameMatch(score: (score * 100).rounded() / 100, reasons: reasons)
    }

    private func coreScore(
        _ other: CompanyName, _ mine: String, _ theirs: String, _ reasons: inout [CompanyNameMatch.Reason]
    ) -> Double {
        var scores: [Double] = []
        if !mine.isEmpty, !theirs.isEmpty {
            let likeness = mine == theirs ? 1 : Self.likeness(mine, theirs)
            scores.append(likeness)
            if likeness == 1 {
                reasons.append(.sameCore(mine))
            } else if likeness >= 0.5 {
                reasons.append(.similarCore(mine, theirs))
            }
        }
        if !words.isEmpty, !other.words.isEmpty {
            let common = words.filter(Set(other.words).contains)
            scores.append(2 * Double(common.count) / Double(words.count + other.words.count))
            if !common.isEmpty { reasons.append(.sameWords(common)) }
        }
        guard !scores.isEmpty else { return 0 }
        return scores.reduce(0, +) / Double(scores.count)
    }

    private static func regionFactor(
        _ regions: [String], _ others: [String], _ reasons: inout [CompanyNameMatch.Reason]
    ) -> Double {
        switch (regions.first, others.first) {
        case (nil, nil): return 1
        case (let region?, nil), (nil, let region?):
            reasons.append(.regionOnlyInOne(region))
            return 0.8
        case (let mine?, let theirs?):
            if let common = regions.first(where: others.contains) {
                reasons.append(.sameRegion(common))
                return 1
            }
            reasons.append(.differentRegions(mine, theirs))
            return 0.3
        }
    }

    /// Dice's coefficient over pairs of neighbouring characters; a name that begins with the other counts at least 0.85.
    private static func likeness(_ a: String, _ b: String) -> Double {
        func pairs(_ text: String) -> [String: Int] {
            let characters = Array(text)
            return zip(characters, characters.dropFirst()).reduce(into: [:]) { $0["\($1.0)\($1.1)", default: 0] += 1 }
        }
        let (left, right) = (pairs(a), pairs(b))
        let total = left.values.reduce(0, +) + right.values.reduce(0, +)
        let common = left.reduce(0) { $0 + min($1.value, right[$1.key] ?? 0) }
        let dice = total == 0 ? 0 : 2 * Double(common) / Double(total)
        let begins = min(a.count, b.count) >= 2 && (a.hasPrefix(b) || b.hasPrefix(a))
        return begins ? max(dice, 0.85) : dice
    }
}
