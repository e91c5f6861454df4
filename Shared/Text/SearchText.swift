/// What a search looks through, and what it looks for: the same things in the same form, however they were written.
public enum SearchText {
    /// The text of an object: its names with their spellings, and whatever else people look it up by.
    public static func of(names: [String], phones: [String?] = [], others: [String?] = []) -> String {
        var parts = names
        for name in names where name.containsHan {
            let simplified = Simplified.text(name)
            if simplified != name { parts.append(simplified) }
            parts.append(Pinyin.searchText(simplified))
        }
        for phone in phones.compactMap(\.self) {
            parts.append(phone)
            // As dialled, where it was written otherwise.
            if let number = PhoneNumber(phone), !foldedText(phone).contains(dialled(number)) {
                parts.append(String(number.e164.dropFirst()))
            }
        }
        return foldedText((parts + others.compactMap(\.self)).joined(separator: " "))
    }

    /// What somebody typed, in the forms in which it may be found.
    public static func patterns(_ typed: String) -> [String] {
        let typed = foldedText(typed)
        var patterns = [typed]
        func add(_ pattern: String) { if !pattern.isEmpty, !patterns.contains(pattern) { patterns.append(pattern) } }
        add(Simplified.text(typed))
        add(digits(typed))
        return patterns
    }

    /// A number, or part of one, as it is dialled; "" for other text.
    private static func digits(_ typed: String) -> String {
        let digits = typed.filter { ("0"..."9").contains($0) }
        guard digits.count >= 5, typed.allSatisfy({ ("0"..."9").contains($0) || " +-()./".contains($0) }) else {
            return ""
        }
        return PhoneNumber(typed).map(dialled) ?? digits
    }

    /// Without the country where that is left out here.
    private static func dialled(_ number: PhoneNumber) -> String {
        String(number.e164.dropFirst(number.e164.hasPrefix("+86") ? 3 : 1))
    }
}
