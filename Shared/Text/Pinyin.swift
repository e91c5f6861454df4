/// Chinese names in Latin letters, for search.
///
/// Many characters are read in several ways. ICU knows two: as in names of people (`单` is `shan`) and as in general
/// (`dan`); companies are called by either. Where both are wrong, words and characters of company names say how they are
/// read. A text is found by each of its readings.
public enum Pinyin {
    private static let transliterators = ["Han-Latin/Names", "Han-Latin"].map {
        Transliterator("\($0); Latin-ASCII; Lower")
    }

    /// Words whose characters ICU reads otherwise: banks and trades, places, what companies do.
    private static let words: [String: [String]] = [
        "银行": ["yin", "hang"], "商行": ["shang", "hang"], "洋行": ["yang", "hang"], "车行": ["che", "hang"],
        "总行": ["zong", "hang"], "分行": ["fen", "hang"], "支行": ["zhi", "hang"], "行业": ["hang", "ye"],
        "同行": ["tong", "hang"], "央行": ["yang", "hang"], "投行": ["tou", "hang"], "拍卖行": ["pai", "mai", "hang"],
        "典当行": ["dian", "dang", "hang"], "厦门": ["xia", "men"], "西藏": ["xi", "zang"], "藏药": ["zang", "yao"],
        "藏族": ["zang", "zu"], "番禺": ["pan", "yu"], "六安": ["lu", "an"], "蚌埠": ["beng", "bu"],
        "浚县": ["xun", "xian"], "铅山": ["yan", "shan"], "东阿": ["dong", "e"], "乐亭": ["lao", "ting"],
        "音乐": ["yin", "yue"], "会计": ["kuai", "ji"], "空调": ["kong", "tiao"], "调味": ["tiao", "wei"],
        "调料": ["tiao", "liao"], "调节": ["tiao", "jie"], "给水": ["ji", "shui"], "供给": ["gong", "ji"],
        "便宜": ["pian", "yi"], "角色": ["jue", "se"],
    ]
    /// Characters that ICU always reads as they seldom are.
    private static let characters: [Character: String] = ["地": "di", "都": "du"]

    private static let longestWord = words.keys.map(\.count).max() ?? 0

    /// Syllables of the whole text in each of its readings: `"王小明"` → `[["wang", "xiao", "ming"]]`; Latin words stay
    /// words.
    public static func readings(_ text: String) -> [[String]] {
        let folded = foldedText(text)
        guard folded.containsHan else { return [syllables(folded)] }
        let known = spelled(folded)
        var readings: [[String]] = []
        for transliterator in transliterators {
            let reading = syllables(transliterator.apply(known))
            if !readings.contains(reading) { readings.append(reading) }
        }
        return readings
    }

    private static func syllables(_ latin: String) -> [String] {
        latin.split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }

    /// The text with what is known better than ICU does in Latin letters.
    private static func spelled(_ text: String) -> String {
        let letters = Array(text)
        var result = ""
        var index = 0
        while index < letters.count {
            let lengths = stride(from: min(longestWord, letters.count - index), through: 2, by: -1)
            let word = lengths.lazy.map { String(letters[index..<index + $0]) }.first { words[$0] != nil }
            if let word, let reading = words[word] {
                result += " \(reading.joined(separator: " ")) "
                index += word.count
            } else {
                result += characters[letters[index]].map { " \($0) " } ?? String(letters[index])
                index += 1
            }
        }
        return result
    }

    /// `"wangxiaoming wxm"`: the text to index beside the name so that typing either finds it, for each reading; "" without
    /// Chinese.
    public static func searchText(_ text: String) -> String {
        guard text.containsHan else { return "" }
        let parts = readings(text).flatMap { [$0.joined(), String($0.compactMap(\.first))] }
        var distinct: [String] = []
        for part in parts where !distinct.contains(part) { distinct.append(part) }
        return distinct.joined(separator: " ")
    }

    /// What ``searchText(_:)`` has of every name in which some Chinese characters follow one another: one of these.
    /// Empty when that cannot be told, or when there would be very many.
    ///
    /// An index of runs of three letters does not know a word of two characters, but its spelling.
    public static func spellings(of text: String) -> Set<String> {
        guard !text.isEmpty, text.unicodeScalars.allSatisfy(\.isHan) else { return [] }
        var spellings: Set<String> = [""]
        for character in text {
            let readings = allReadings(of: character)
            spellings = Set(spellings.flatMap { begin in readings.map { begin + $0 } })
            guard !readings.isEmpty, spellings.count <= 16 else { return [] }
        }
        return spellings.allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } } ? spellings : []
    }

    /// How a character is read, whatever is beside it. Empty for one without a reading: it stays what it is.
    private static func allReadings(of character: Character) -> Set<String> {
        var readings: Set<String> = []
        for before in ["", "一"] {
            for after in [""] + telling {
                for transliterator in transliterators {
                    let whole = before + String(character) + after
                    let parts = syllables(transliterator.apply(whole))
                    guard parts.count == whole.count else { return [] }
                    readings.formUnion(parts.dropFirst(before.count).dropLast(after.count))
                }
            }
        }
        for (word, reading) in words {
            for (letter, syllable) in zip(word, reading) where letter == character { readings.insert(syllable) }
        }
        if let reading = characters[character] { readings.insert(reading) }
        return readings
    }

    /// ICU's rules for names read some characters in another way at the beginning, and some before one of these.
    private static let telling = ["俟", "狐", "台", "孙", "文", "庆", "阳", "鲁"]
}
